import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openCapable, deployCode } from './capabilities.fixture.ts';
import type { Capable } from './capabilities.fixture.ts';
import { callIn } from './pool.fixture.ts';

let capable: Capable;
before(async () => {
  capable = await openCapable();
});
after(() => capable.close());

let queues = 0;

/** Runs code with a queue of its own; gives what it returns, and the rows that are in the queue then. */
async function run(code: string): Promise<{ found: unknown; rows: Record<string, unknown>[] }> {
  const queue = `queue-${queues++}`;
  const prelude = `const attempt = async (work) => { try { return (await work()) ?? 'ok'; } catch (e) { return e.code ?? e.name; } };`;
  const grants = { queue: { JOBS: { queue, can: ['send' as const] } } };
  const target = deployCode({ f: { code: `${prelude} const queue = env.JOBS; ${code}`, grants } }).of('f');
  const answer = await callIn(capable.pool, target, '/');
  if (answer.error !== null) throw answer.error;
  const rows = await capable.store.query<Record<string, unknown>>({
    sql: 'select * from queue_messages where queue = ? order by sequence',
    parameters: [queue],
  });
  return { found: JSON.parse(answer.body), rows };
}

test('what was sent is durable when send resolves, in order, with its type, sender and delay', async () => {
  const { rows } = await run(`
    await queue.send({ n: 1 });
    await queue.sendBatch([{ body: 'two', contentType: 'text' }, { body: new Uint8Array([3]), contentType: 'bytes', delaySeconds: 1 }, { body: [4], contentType: 'v8' }], { delaySeconds: 60 });
    return Response.json(0);`);
  assert.deepEqual(
    rows.map((row) => [
      row['content_type'],
      row['size'],
      row['sender'],
      Number(row['visible_at']) - Number(row['sent_at']),
    ]),
    [
      ['json', 7, 'app/f', 0],
      ['text', 3, 'app/f', 60_000],
      ['bytes', 1, 'app/f', 1000],
      ['json', 3, 'app/f', 60_000],
    ],
  );
  assert.ok(rows.every((row) => !Buffer.from(row['body'] as Uint8Array).includes('two')));
});

test('a batch at its limits is sent, and past one of them nothing is', async () => {
  const { found, rows } = await run(`
    const bytes = (n) => ({ body: new Uint8Array(n), contentType: 'bytes' });
    return Response.json([
      await attempt(() => queue.sendBatch(Array.from({ length: 100 }, () => bytes(1)))),
      await attempt(() => queue.sendBatch(Array.from({ length: 101 }, () => bytes(1)))),
      await attempt(() => queue.sendBatch([bytes(128 * 1024), bytes(128 * 1024)])),
      await attempt(() => queue.sendBatch([bytes(128 * 1024), bytes(128 * 1024), bytes(1)])),
      await attempt(() => queue.sendBatch([bytes(1), bytes(128 * 1024 + 1)])),
      await attempt(() => queue.send('x', { delaySeconds: 12 * 3600 })),
      await attempt(() => queue.send('x', { delaySeconds: 12 * 3600 + 1 })),
      await attempt(() => queue.sendBatch([])),
      await attempt(() => queue.send(1, { contentType: 'text' })),
      await attempt(() => queue.send(undefined)),
    ]);`);
  assert.deepEqual(found, [
    'ok',
    'CORDON_QUEUE_BATCH_TOO_LARGE',
    'ok',
    'CORDON_QUEUE_BATCH_TOO_LARGE',
    'CORDON_QUEUE_MESSAGE_TOO_LARGE',
    'ok',
    'CORDON_CALL_INVALID',
    'CORDON_CALL_INVALID',
    'TypeError',
    'TypeError',
  ]);
  assert.equal(rows.length, 103);
});
