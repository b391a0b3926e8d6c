import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { queueLane } from '../events/index.ts';
import type { EventDetail } from '../events/index.ts';
import { openCapable, deployCode } from './capabilities.fixture.ts';
import type { Capable } from './capabilities.fixture.ts';
import { callIn } from './pool.fixture.ts';

const PROJECT = 'default';

let capable: Capable;
before(async () => {
  capable = await openCapable();
});
after(() => capable.close());

let queues = 0;

/** Runs code with a queue of its own; gives what it returns, and the events that wait in the queue then. */
async function run(code: string): Promise<{ found: unknown; waiting: EventDetail[] }> {
  const queue = `queue-${queues++}`;
  const prelude = `const attempt = async (work) => { try { return (await work()) ?? 'ok'; } catch (e) { return e.code ?? e.name; } };`;
  const grants = { queue: { JOBS: { queue, can: ['send' as const] } } };
  const target = deployCode({ f: { code: `${prelude} const queue = env.JOBS; ${code}`, grants } }).of('f');
  const answer = await callIn(capable.pool, target, '/');
  if (answer.error !== null) throw answer.error;
  const { log } = capable;
  const { events } = await log.list({ project: PROJECT, lane: queueLane(queue), limit: 1_000 });
  const waiting: EventDetail[] = [];
  for (const { id } of events) {
    const detail = await log.show(PROJECT, id);
    if (detail !== null) waiting.push(detail);
  }
  return { found: JSON.parse(answer.body), waiting };
}

test('what was sent is durable when send resolves, in order, with its type, sender and delay', async () => {
  const { waiting } = await run(`
    await queue.send({ n: 1 });
    await queue.sendBatch([{ body: 'two', contentType: 'text' }, { body: new Uint8Array([3]), contentType: 'bytes', delaySeconds: 1 }, { body: [4], contentType: 'v8' }], { delaySeconds: 60 });
    return Response.json(0);`);
  const source = '/apps/app/functions/f';
  assert.deepEqual(
    waiting.map(({ event: { attributes, data }, acceptedAt, at, hops }) => [
      attributes.type,
      attributes['datacontenttype'],
      attributes.source,
      Buffer.from(data ?? []).toString('latin1'),
      at - acceptedAt,
      hops,
    ]),
    [
      ['cordon.queue.message', 'application/json', source, '{"n":1}', 0, 1],
      ['cordon.queue.message', 'text/plain', source, 'two', 60_000, 1],
      ['cordon.queue.message', 'application/octet-stream', source, '\x03', 1000, 1],
      ['cordon.queue.message', 'application/json', source, '[4]', 60_000, 1],
    ],
  );
  const claimed = await capable.log.claim(PROJECT, waiting[0]?.lane ?? '', {
    limit: 1,
    bytesMax: 1,
    leaseMs: 1_000,
    ordered: true,
  });
  assert.equal(claimed[0]?.order, 'app/f');
});

test('a batch at its limits is sent, and past one of them nothing is', async () => {
  const { found, waiting } = await run(`
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
  assert.equal(waiting.length, 103);
});
