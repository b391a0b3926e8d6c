import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import type { Exchange } from '../instance/index.ts';
import { RecordingEvidence, callIn, code, deploy, openTestPool, sleep } from './pool.fixture.ts';
import type { Answer, CallOptions } from './pool.fixture.ts';

const evidence = new RecordingEvidence();
let opened: Awaited<ReturnType<typeof openTestPool>>;

function call(target: ReturnType<typeof deploy>, path: string, options?: CallOptions): Promise<Answer> {
  return callIn(opened.pool, target, path, options);
}

before(async () => {
  opened = await openTestPool(evidence);
});

after(() => opened.close());

test('a request reaches the function with its method, headers and body, and the answer comes back', async () => {
  const target = deploy();
  const answer = await call(target, '/text', { method: 'POST', body: Buffer.from('héllo') });
  assert.equal(answer.status, 200);
  assert.equal(answer.body, 'héllo');
  const headers = await call(target, '/headers', { headers: ['x-one', '1', 'x-two', '2'] });
  assert.deepEqual(JSON.parse(headers.body), [
    ['x-one', '1'],
    ['x-two', '2'],
  ]);
  assert.equal(headers.instance, answer.instance);
});

test('variables are in env and in process.env, and in no other function', async () => {
  const first = await call(deploy({}, { GREETING: 'hi' }), '/env');
  assert.deepEqual(JSON.parse(first.body), { env: { GREETING: 'hi' }, process: 'hi' });
  const second = await call(deploy(), '/env');
  assert.deepEqual(JSON.parse(second.body), { env: {}, process: null });
});

test('a global of one function is absent in another', async () => {
  const one = deploy();
  assert.equal((await call(one, '/count')).body, '1');
  assert.equal((await call(one, '/count')).body, '2');
  assert.equal((await call(deploy(), '/count')).body, '1');
});

test('random values differ between pre-warmed instances', async () => {
  const values = await Promise.all(
    [deploy(), deploy(), deploy()].map(async (target) => (await call(target, '/random')).body),
  );
  assert.equal(new Set(values).size, 3);
});

test('a thrown error costs its request only, with the place in the log', async () => {
  const target = deploy();
  const [bad, good] = await Promise.all([
    call(target, '/throw', { id: 'req_bad' }),
    call(target, '/sleep?ms=20'),
  ]);
  assert.equal(bad.error?.code, 'CORDON_FUNCTION_ERROR');
  assert.equal(good.body, 'slept');
  const line = evidence.lines.find((candidate) => candidate.request === 'req_bad');
  assert.match(line?.message ?? '', /it broke[\s\S]*at /);
  assert.equal(line?.source, 'function');
});

test('errors outside of a handler cost a log line', async () => {
  const target = deploy();
  assert.equal((await call(target, '/reject-later')).body, 'ok');
  assert.equal((await call(target, '/count')).body, '1');
  assert.ok(evidence.lines.some((line) => line.message.includes('unheard')));
  assert.ok(evidence.lines.some((line) => line.message.includes('later')));
});

test('what is not a Response is an error that says what it was', async () => {
  const answer = await call(deploy(), '/string');
  assert.equal(answer.error?.code, 'CORDON_FUNCTION_RESPONSE');
  assert.match(answer.error?.message ?? '', /a string and not a Response/);
});

test('a stream that fails after its head fails the exchange', async () => {
  const answer = await call(deploy(), '/cut');
  assert.equal(answer.status, 200);
  assert.equal(answer.bytes, 10);
  assert.equal(answer.error?.code, 'CORDON_FUNCTION_ERROR');
});

test('a handler that never answers times out at its limit, and its instance takes no further request', async () => {
  const target = deploy({ timeMs: 150 });
  const late = await call(target, '/never');
  assert.equal(late.error?.code, 'CORDON_FUNCTION_TIMEOUT');
  const next = await call(target, '/count');
  assert.equal(next.body, '1');
  assert.notEqual(next.instance, late.instance);
});

test('a caller that holds back its body is told so at the limit, and costs no instance', async () => {
  const target = deploy({ timeMs: 150 });
  const slow = await call(target, '/text', { method: 'POST', streams: true });
  assert.equal(slow.error?.code, 'CORDON_REQUEST_TIMEOUT');
  const next = await call(target, '/count');
  assert.equal(next.instance, slow.instance, 'the instance lives on');
  // Those of other tests may be recorded late.
  const own = evidence.recorded.filter(({ instance }) => instance === slow.instance);
  assert.ok(own.every(({ kind }) => kind !== 'sandbox.timeout'));
});

test('a function that does not let go of such a request ends with it all the same', async () => {
  const target = deploy({ timeMs: 150 });
  const slow = await call(target, '/never', { method: 'POST', streams: true });
  assert.equal(slow.error?.code, 'CORDON_REQUEST_TIMEOUT');
  await sleep(2 * LIMITS.abandonedGraceMs.value);
  const next = await call(target, '/count');
  assert.notEqual(next.instance, slow.instance);
});

test('a CPU loop is killed at the deadline and recorded', async () => {
  const target = deploy({ timeMs: 150 });
  const late = await call(target, '/loop', { id: 'req_loop' });
  assert.equal(late.error?.code, 'CORDON_FUNCTION_TIMEOUT');
  assert.equal((await call(target, '/count')).body, '1');
  const killed = (): boolean =>
    evidence.recorded.some((event) => event.request === 'req_loop' && event.detail['blocked'] === true);
  const deadline = Date.now() + 3000;
  while (!killed() && Date.now() < deadline) await sleep(20);
  assert.ok(killed());
});

test('a memory bomb ends its instance only', async () => {
  const target = deploy();
  const answer = await call(target, '/memory');
  assert.equal(answer.error?.code, 'CORDON_FUNCTION_MEMORY');
  assert.equal((await call(target, '/count')).body, '1');
  assert.ok(evidence.recorded.some((event) => event.kind === 'sandbox.memory'));
});

test('waitUntil runs on after the answer, and is cut at the time limit', async () => {
  const target = deploy({ timeMs: 300 });
  assert.equal((await call(target, '/wait?ms=50', { id: 'req_wait' })).body, 'early');
  assert.equal((await call(target, '/sleep?ms=120')).body, 'slept');
  assert.ok(evidence.lines.some((line) => line.message === 'waited' && line.request === 'req_wait'));
  await call(target, '/wait?ms=5000', { id: 'req_overdue' });
  const deadline = Date.now() + 3000;
  while (!evidence.recorded.some((event) => event.request === 'req_overdue') && Date.now() < deadline)
    await sleep(20);
  assert.ok(
    evidence.recorded.some((event) => event.request === 'req_overdue' && event.kind === 'sandbox.timeout'),
  );
});

test('the signal of a request fires when its caller leaves', async () => {
  const target = deploy();
  await call(target, '/count');
  void call(target, '/signal', {
    id: 'req_left',
    onExchange: (exchange) => setTimeout(() => exchange.abort(), 30),
  });
  const deadline = Date.now() + 3000;
  while (!evidence.lines.some((line) => line.request === 'req_left') && Date.now() < deadline)
    await sleep(20);
  assert.ok(evidence.lines.some((line) => line.message === 'signal fired'));
});

test('a body streams both ways under flow control and arrives whole', async () => {
  let left = 300;
  const pump = (exchange: Exchange): void => {
    while (left > 0) {
      left -= 1;
      if (!exchange.write(new Uint8Array(40_000))) return;
    }
    exchange.end();
  };
  const answer = await call(deploy(), '/echo', {
    method: 'POST',
    streams: true,
    onExchange: pump,
    onDrain: pump,
  });
  assert.equal(answer.error, null);
  assert.equal(answer.bytes, 300 * 40_000);
});

test('a caller that does not read stops the guest at its window', async () => {
  const target = deploy({ timeMs: 400 });
  const answer = await call(target, '/endless', { takes: false });
  assert.equal(answer.error?.code, 'CORDON_FUNCTION_TIMEOUT');
  assert.ok(answer.bytes <= LIMITS.streamWindowBytes.value);
});

test('a response at its limit passes and one byte more fails', async () => {
  const target = deploy({ responseBytes: 100_000 });
  const whole = await call(target, '/bytes?n=100000');
  assert.equal(whole.error, null);
  assert.equal(whole.bytes, 100_000);
  assert.equal((await call(target, '/bytes?n=100001')).error?.code, 'CORDON_RESPONSE_TOO_LARGE');
});

test('a function scales out by requests in flight, and to nothing when idle', async () => {
  const target = deploy({ concurrency: 1, instances: 3 });
  const answers = await Promise.all(Array.from({ length: 6 }, () => call(target, '/sleep?ms=400')));
  const used = new Set(answers.map((answer) => answer.instance));
  assert.ok(answers.every((answer) => answer.body === 'slept'));
  assert.ok(used.size > 1 && used.size <= 3, `${used.size} instances`);
  const deadline = Date.now() + 6000;
  const alive = async (): Promise<number> => {
    const { instances } = await opened.pool.status();
    return instances.filter((instance) => instance.function === target.fn.spec.name).length;
  };
  while ((await alive()) > 0 && Date.now() < deadline) await sleep(50);
  assert.equal(await alive(), 0);
  assert.equal((await call(target, '/count')).body, '1');
});

test('the queue of a function is bounded', async () => {
  const target = deploy({ concurrency: 1, instances: 1 });
  const many = LIMITS.queuePerFunctionMax.value + 5;
  const answers = await Promise.all(Array.from({ length: many }, () => call(target, '/count')));
  const refused = answers.filter((answer) => answer.error?.code === 'CORDON_OVERLOADED').length;
  assert.equal(refused, 5);
  assert.equal(answers.filter((answer) => answer.status === 200).length, many - 5);
});

test('a console line carries its request and its level', async () => {
  await call(deploy(), '/log', { id: 'req_said' });
  const line = evidence.lines.find((candidate) => candidate.request === 'req_said');
  assert.equal(line?.message, 'said { a: 1 }');
  assert.equal(line?.level, 'info');
});

test('a bundle is checked in a sandbox: handlers are found, throwing and missing ones are refused', async () => {
  const found = await opened.pool.check(code, 'script', 'app/f');
  assert.deepEqual(found.handlers, ['fetch', 'event']);
  assert.ok((found.codeCache?.byteLength ?? 0) > 0);
  const check = (source: string, format: 'script' | 'module' = 'script'): Promise<unknown> =>
    opened.pool.check(Buffer.from(source), format, 'app/f');
  await assert.rejects(check('throw new TypeError("at import")'), {
    code: 'CORDON_IMPORT_THREW',
    message: /at import/,
  });
  await assert.rejects(check('exports.default = { fetch: 1 }'), { code: 'CORDON_HANDLER_INVALID' });
  await assert.rejects(check('exports.default = 5'), { code: 'CORDON_HANDLER_INVALID' });
  await assert.rejects(check('this is not code'), { code: 'CORDON_IMPORT_THREW' });
  await check(
    'await 1; import { Buffer } from "node:buffer"; Buffer.from(""); export default { fetch() {} }',
    'module',
  );
});
