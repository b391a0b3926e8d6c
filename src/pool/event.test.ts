import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { EventAbout, EventOutcome } from '../channel/index.ts';
import { LIMITS } from '../contract/index.ts';
import { openCapable, deployCode } from './capabilities.fixture.ts';
import type { Capable, FunctionOfCode } from './capabilities.fixture.ts';
import { callIn, sleep } from './pool.fixture.ts';
import type { Answer, CallOptions } from './pool.fixture.ts';

let capable: Capable;
before(async () => {
  capable = await openCapable();
});
after(() => capable.close());

let runs = 0;

/** Gives an event to a function with these handlers, and the lines that it logged meanwhile. */
async function give(
  handlers: string,
  event: EventAbout,
  options: CallOptions & Pick<FunctionOfCode, 'limits'> = {},
): Promise<{ answer: Answer; outcome: EventOutcome | null; lines: string[] }> {
  const id = `run_${runs++}`;
  const { limits = {}, ...call } = options;
  const target = deployCode({ f: { code: '', handlers, limits } }).of('f');
  const answer = await callIn(capable.pool, target, '/', { ...call, id, event });
  const outcome = answer.error === null ? (JSON.parse(answer.body) as EventOutcome) : null;
  return { answer, outcome, lines: linesOf(id) };
}

function linesOf(id: string): string[] {
  return capable.evidence.lines.flatMap((line) => (line.request === id ? [line.message] : []));
}

/** Waits for a line of the last run that comes after its answer. */
async function lineLike(pattern: RegExp): Promise<void> {
  const found = (): boolean => linesOf(`run_${runs - 1}`).some((line) => pattern.test(line));
  const deadline = Date.now() + 5000;
  while (!found() && Date.now() < deadline) await sleep(5);
  assert.ok(found(), String(pattern));
}

function queue(...bodies: readonly string[]): EventAbout {
  const messages = bodies.map((body, index) => ({
    id: `m${index}`,
    timestamp: 1_700_000_000_000,
    attempts: 2,
    contentType: 'json' as const,
    bytes: Buffer.byteLength(body),
  }));
  return { handler: 'queue', queue: 'jobs', messages };
}

const TICK: EventAbout = { handler: 'scheduled', cron: '*/5 * * * *', scheduledTime: 1_700_000_000_000 };
const CREATED: EventAbout = {
  handler: 'event',
  attributes: {
    specversion: '1.0',
    id: 'e1',
    source: '/apps/app/functions/a',
    type: 'order.created',
    datacontenttype: 'application/json',
  },
  hasData: true,
};

test('a batch reaches the handler, and what it says of each message comes back', async () => {
  const bodies = ['{"n":1}', '{"n":', '3', '"four"'];
  const { answer, outcome, lines } = await give(
    `async queue(batch, env, ctx) {
      console.log(JSON.stringify([batch.queue, batch.messages.map((m) => [m.id, m.timestamp.toISOString(), m.attempts, m.body])]));
      batch.messages[0].ack();
      batch.messages[1].retry({ delaySeconds: 30 });
      batch.retryAll();
    }`,
    queue(...bodies),
    { body: Buffer.from(bodies.join('')) },
  );
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.headers, ['content-type', 'application/json']);
  const time = '2023-11-14T22:13:20.000Z';
  assert.deepEqual(lines, [
    'The message m1 of the queue "jobs" is not the JSON that it says it is.',
    JSON.stringify([
      'jobs',
      [
        ['m0', time, 2, { n: 1 }],
        ['m2', time, 2, 3],
        ['m3', time, 2, 'four'],
      ],
    ]),
  ]);
  const again = { retryAfterSeconds: null };
  assert.deepEqual(outcome, { ok: true, messages: [true, again, { retryAfterSeconds: 30 }, again] });
});

test('a handler that throws costs what it has not acknowledged, and its error is logged with its stack', async () => {
  const { outcome } = await give(
    `async queue(batch) { batch.messages[0].ack(); throw new Error('it broke'); }`,
    queue('1', '2'),
    { body: Buffer.from('12') },
  );
  assert.deepEqual(outcome, { ok: false, messages: [true, { retryAfterSeconds: null }] });
  await lineLike(/^Error: it broke\n\s+at /);
});

test('a batch of which no message can be read runs no code', async () => {
  const { outcome, lines } = await give(`queue() { console.log('ran'); }`, queue('{'), {
    body: Buffer.from('{'),
  });
  assert.deepEqual(outcome, { ok: true, messages: [{ retryAfterSeconds: null }] });
  assert.ok(!lines.includes('ran'));
});

test('a tick has its time and expression, and may say that it is not to come again', async () => {
  const once = await give(
    `async scheduled(controller, env, ctx) { console.log(JSON.stringify([controller.cron, controller.scheduledTime, controller.type])); controller.noRetry(); throw new Error('no'); }`,
    TICK,
  );
  assert.deepEqual(once.outcome, { ok: false, noRetry: true });
  assert.ok(once.lines.includes('["*/5 * * * *",1700000000000,"scheduled"]'));
  const plain = await give(`async scheduled() {}`, TICK);
  assert.deepEqual(plain.outcome, { ok: true, noRetry: false });
});

test('a CloudEvent that comes in pieces is whole when the handler runs, also where it is larger than the window', async () => {
  const size = LIMITS.streamWindowBytes.value * 3;
  const data = Buffer.from(JSON.stringify({ text: 'x'.repeat(size) }));
  let sent = 0;
  const { outcome, lines } = await give(
    `async event(e, env, ctx) { console.log(JSON.stringify([e.type, e.id, e.data.text.length, e.bytes().length])); }`,
    CREATED,
    {
      streams: true,
      body: data.subarray(0, 1000),
      onExchange(exchange) {
        for (sent = 1000; sent < data.byteLength; sent += 60_000)
          exchange.write(data.subarray(sent, sent + 60_000));
        exchange.end();
      },
    },
  );
  assert.deepEqual(outcome, { ok: true });
  assert.deepEqual(lines, [JSON.stringify(['order.created', 'e1', size, data.byteLength])]);
});

test('what is given to waitUntil is finished after the answer, and one that fails costs a line', async () => {
  const { outcome } = await give(
    `async scheduled(c, env, ctx) { ctx.waitUntil(Promise.reject(new Error('late'))); }`,
    TICK,
  );
  assert.deepEqual(outcome, { ok: true, noRetry: false });
  await lineLike(/^waitUntil: Error: late/);
});

test('a handler that overruns its time is stopped as a request is, whether it waits or loops', async () => {
  const limits = { timeMs: 200 };
  for (const code of ['await new Promise(() => {});', 'for (;;);']) {
    const { answer } = await give(`async event() { ${code} }`, CREATED, { body: Buffer.from('1'), limits });
    assert.equal(answer.error?.code, 'CORDON_FUNCTION_TIMEOUT');
  }
});

test('an event that its sender gives up before all of it came runs no code', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const target = deployCode({
    f: {
      code: `return new Response('free');`,
      handlers: `event() { console.log('ran'); }`,
      limits: { concurrency: 1 },
    },
  }).of('f');
  void callIn(capable.pool, target, '/', {
    id: 'given-up',
    event: CREATED,
    streams: true,
    body: Buffer.from('{'),
    onExchange(exchange) {
      setImmediate(() => {
        exchange.abort();
        resolve();
      });
    },
  });
  await promise;
  // The one place of the function is free again.
  assert.equal((await callIn(capable.pool, target, '/')).body, 'free');
  assert.ok(
    !capable.evidence.lines.some(({ message, request }) => message === 'ran' && request === 'given-up'),
  );
});

test('a module without the handler fails with what is missing', async () => {
  const { answer } = await give(`async scheduled() {}`, CREATED, { body: Buffer.from('1') });
  assert.equal(answer.error?.code, 'CORDON_FUNCTION_RESPONSE');
  assert.match(answer.error?.message ?? '', /no `event` handler/);
  await lineLike(/no `event` handler/);
});
