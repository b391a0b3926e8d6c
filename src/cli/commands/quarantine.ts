import { open, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { CallResult, ControlClient } from '../../client/index.ts';
import { connect, type CommandContext } from '../context.ts';
import { EXIT } from '../report.ts';
import { printable, table } from '../terminal.ts';
import { usage } from '../usage.ts';

type Rejected = CallResult<'GET /v1/rejected-objects/{id}'>;

export async function listRejected(
  context: CommandContext,
  _args: readonly string[],
  given: object,
): Promise<number> {
  const { terminal } = context;
  const { after, limit } = given as { readonly after?: string; readonly limit: number };
  const { objects } = await (
    await connect(context)
  ).call('GET /v1/rejected-objects', { query: { limit, ...(after === undefined ? {} : { after }) } });
  terminal.result({ objects });
  if (objects.length === 0) terminal.line('no rejected uploads');
  else {
    const head = ['ID', 'REJECTED', 'REASON', 'BYTES', 'BUCKET', 'KEY'];
    for (const line of table([head, ...objects.map(rowOf)])) terminal.line(line);
  }
  return EXIT.ok;
}

/** Shows one. Its key and type are somebody's text: they cannot steer the terminal. */
export async function showRejected(context: CommandContext, args: readonly string[]): Promise<number> {
  const { terminal } = context;
  const [id = ''] = args;
  const found = await (await connect(context)).call('GET /v1/rejected-objects/{id}', { params: { id } });
  terminal.result(found);
  const facts: readonly (readonly [string, string])[] = [
    ['id', found.id],
    ['bucket', found.bucket],
    ['key', found.key],
    ['bytes', String(found.size)],
    ['declared', found.contentType ?? 'nothing'],
    ['md5', found.md5 ?? 'unknown'],
    ['reason', found.reason],
    ['found', found.note],
    ['by', found.actor === '' ? 'unknown' : found.actor],
    ['rejected', clock(found.rejectedAt)],
  ];
  for (const [name, value] of facts) terminal.line(`${name.padEnd(9)} ${oneLine(value)}`);
  return EXIT.ok;
}

/** Writes the bytes into a file that was not there, for its owner alone. They are what was rejected: handle with care. */
export async function saveRejected(context: CommandContext, args: readonly string[]): Promise<number> {
  const { terminal } = context;
  const [id = '', file = ''] = args;
  const path = resolve(context.surroundings.cwd, file);
  const client = await connect(context);
  const { size } = await client.call('GET /v1/rejected-objects/{id}', { params: { id } });
  const handle = await open(path, 'wx', 0o600).catch((cause: Error) => {
    throw usage(`Cannot write ${path}: ${cause.message}`, 'Name a file that is not there yet.');
  });
  let bytes = 0;
  try {
    for await (const piece of piecesOf(client, id)) {
      await handle.writeFile(piece);
      bytes += piece.byteLength;
    }
    if (bytes !== size) throw usage(`${path} would be cut off at ${bytes} of ${size} bytes.`, 'Try again.');
  } catch (thrown) {
    await handle.close();
    await rm(path, { force: true });
    throw thrown;
  }
  await handle.close();
  terminal.result({ id, file: path, bytes });
  terminal.line(`wrote ${bytes} bytes to ${path}`);
  terminal.note('These are the bytes that were rejected: do not open them by a click.');
  return EXIT.ok;
}

export async function dropRejected(context: CommandContext, args: readonly string[]): Promise<number> {
  const { terminal } = context;
  const [id = ''] = args;
  terminal.result(
    await (await connect(context)).call('DELETE /v1/rejected-objects/{id}', { params: { id } }),
  );
  terminal.line(`dropped ${terminal.style('bold', id)}`);
  return EXIT.ok;
}

async function* piecesOf(client: ControlClient, id: string): AsyncGenerator<Buffer> {
  for (let offset = 0; ;) {
    const answer = await client.call('GET /v1/rejected-objects/{id}/content', {
      params: { id },
      query: { offset },
    });
    const piece = Buffer.from(answer.base64, 'base64');
    if (piece.byteLength === 0) return;
    yield piece;
    offset += piece.byteLength;
  }
}

function rowOf({ id, rejectedAt, reason, size, bucket, key }: Rejected): string[] {
  return [id, clock(rejectedAt), reason, String(size), bucket, oneLine(key)];
}

function oneLine(text: string): string {
  return printable(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}

function clock(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace('T', ' ');
}
