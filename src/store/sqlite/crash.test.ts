import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';

const ROUNDS = 20;
const ACKNOWLEDGED_MAX = 300;

const root = mkdtempSync(join(tmpdir(), 'cordon-crash-'));
after(() => rmSync(root, { recursive: true, force: true }));

/**
 * A process that commits without end, 20 transactions of two rows at a time, and prints the id of each after
 * it was acknowledged.
 */
function committer(round: number): string {
  const index = new URL('../index.ts', import.meta.url).href;
  return `
    import { writeSync } from 'node:fs';
    import { openDataFolder, openSqliteStore } from ${JSON.stringify(index)};
    // A pipe that is full is no reason to end.
    const say = (text) => {
      for (;;) {
        try {
          return writeSync(1, text);
        } catch (error) {
          if (error.code !== 'EAGAIN') throw error;
        }
      }
    };
    const store = await openSqliteStore({ path: openDataFolder(${JSON.stringify(root)}).storePath });
    const insert = (name) => ({ sql: 'INSERT INTO settings (name, value) VALUES (?, 1)', parameters: [name], changes: 1 });
    let next = 0;
    const commitForever = async () => {
      for (;;) {
        const id = '${round}-' + (next += 1);
        await store.commit([insert(id + ' first'), insert(id + ' second')]);
        say(id + '\\n');
      }
    };
    await Promise.all(Array.from({ length: 20 }, commitForever));`;
}

/** Runs a round and kills it after about `count` acknowledgements. Returns the ids that were acknowledged. */
async function crash(round: number, count: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', committer(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  let lines = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
    lines += text.split('\n').length - 1;
    if (lines >= count) child.kill('SIGKILL');
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  assert.equal(signal, 'SIGKILL', `round ${round} ended by itself with ${code}`);
  // The last line may have been cut off.
  return printed.split('\n').slice(0, -1);
}

test(`loses nothing that it acknowledged when it is killed ${ROUNDS} times, and always opens again`, async () => {
  const acknowledged: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    acknowledged.push(...(await crash(round, Math.floor(Math.random() * ACKNOWLEDGED_MAX))));
    const database = new DatabaseSync(join(root, 'cordon.db'));
    const names = new Set(
      database
        .prepare('SELECT name FROM settings')
        .all()
        .map((row) => String(row['name'])),
    );
    database.close();
    for (const id of acknowledged) {
      assert.ok(names.has(`${id} first`) && names.has(`${id} second`), `${id} is lost after round ${round}`);
    }
    for (const name of names) {
      const other = name.endsWith('first')
        ? name.replace('first', 'second')
        : name.replace('second', 'first');
      assert.ok(names.has(other), `half of a transaction stands after round ${round}: ${name}`);
    }
  }
  const database = new DatabaseSync(join(root, 'cordon.db'));
  assert.equal(database.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok');
  database.close();
  assert.ok(acknowledged.length > ROUNDS);
});
