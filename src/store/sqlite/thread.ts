/** The thread of the SQLite store: it owns the connections and carries out requests in order. */
import { chmodSync, closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import type { Row } from '../port.ts';
import { GroupCommit } from './group-commit.ts';
import { problemOf } from './problems.ts';
import type { Problem, Reply, Request } from './protocol.ts';
import { Statements } from './statements.ts';

/** For another program that looks at the database; Cordon itself writes from here only. */
const BUSY_TIMEOUT_MS = 5000;
const WAL_BYTES_KEPT = 16 * 1024 * 1024;
const OWNER_ONLY = 0o600;

interface Connections {
  readonly file: string;
  readonly writer: DatabaseSync;
  readonly reader: DatabaseSync;
  readonly commits: GroupCommit;
  readonly reads: Statements;
}

function open(file: string): Connections {
  // SQLite would make it readable for everyone; its WAL takes over the mode.
  closeSync(openSync(file, 'a', OWNER_ONLY));
  chmodSync(file, OWNER_ONLY);
  const options = { timeout: BUSY_TIMEOUT_MS, defensive: true };
  const writer = new DatabaseSync(file, options);
  writer.exec('PRAGMA journal_mode = WAL');
  // Each commit is fsync'd: what was acknowledged survives a loss of power.
  writer.exec('PRAGMA synchronous = FULL');
  writer.exec(`PRAGMA journal_size_limit = ${WAL_BYTES_KEPT}`);
  writer.exec('PRAGMA trusted_schema = OFF');
  // What is deleted is overwritten with zeros.
  writer.exec('PRAGMA secure_delete = ON');
  const reader = new DatabaseSync(file, { ...options, readOnly: true });
  reader.exec('PRAGMA trusted_schema = OFF');
  return { file, writer, reader, commits: new GroupCommit(writer, file), reads: new Statements(reader) };
}

function read(
  connections: Connections,
  statement: Extract<Request, { kind: 'query' }>['statement'],
): readonly Row[] | Problem {
  try {
    return connections.reads.all(statement) as Row[];
  } catch (error) {
    return problemOf(error, connections.file);
  }
}

/** Empties the log of writes: it holds older versions of what was overwritten. */
function scrub(connections: Connections): readonly Row[] | Problem {
  try {
    // A connection of its own: the writing one lets no PRAGMA through.
    const database = new DatabaseSync(connections.file, { timeout: BUSY_TIMEOUT_MS });
    try {
      const [result] = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
      if (result?.['busy'] === 0) return [];
      return {
        code: 'CORDON_STORE_FAILED',
        message: 'The log of the store is in use and could not be emptied.',
      };
    } finally {
      database.close();
    }
  } catch (error) {
    return problemOf(error, connections.file);
  }
}

function serve(port: MessagePort, connections: Connections): void {
  const reply = (message: Reply): void => port.postMessage(message);
  port.on('message', (request: Request) => {
    switch (request.kind) {
      case 'query':
        reply({ kind: 'rows', id: request.id, result: read(connections, request.statement) });
        break;
      case 'scrub':
        reply({ kind: 'rows', id: request.id, result: scrub(connections) });
        break;
      case 'commit':
        reply({ kind: 'committed', outcomes: connections.commits.run(request.transactions) });
        break;
      case 'close':
        connections.reader.close();
        connections.writer.close();
        port.close();
        break;
    }
  });
  reply({ kind: 'opened' });
}

function main(port: MessagePort, file: string): void {
  try {
    serve(port, open(file));
  } catch (error) {
    const reply: Reply = { kind: 'failed', problem: problemOf(error, file) };
    port.postMessage(reply);
    port.close();
  }
}

if (parentPort === null) throw new Error('This module is the thread of a store.');
main(parentPort, (workerData as { readonly file: string }).file);
