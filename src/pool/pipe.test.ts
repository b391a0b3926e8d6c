import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { EventAbout } from '../channel/index.ts';
import { LIMITS } from '../contract/index.ts';
import type { NewEvent } from '../events/index.ts';
import type { PipeSource } from '../manifest/index.ts';
import { openCapable, deployCode } from './capabilities.fixture.ts';
import type { Capable, FunctionOfCode } from './capabilities.fixture.ts';
import { callIn, sleep } from './pool.fixture.ts';
import type { CallOptions } from './pool.fixture.ts';

let capable: Capable;
before(async () => {
  capable = await openCapable();
});
after(() => capable.close());

const DELIVERY = { attempts: 5, backoffMs: 1000, backoffMsMax: 1000, quota: null };
const pipe = (types: readonly string[] | null = null, ordered = false, from = 'a'): PipeSource => ({
  kind: 'pipe',
  from,
  types,
  ordered,
  ...DELIVERY,
});
const grants = { pipe: { NEXT: { types: ['order.created', 'order.paid', 'order.lost'] } } };
/** Three functions that take events of `a`, one of which it could reach by no other way. */
const TAKERS: Readonly<Record<string, FunctionOfCode>> = {
  all: { code: '', sources: [pipe(['order.created', 'order.paid'])] },
  paid: { code: '', sources: [pipe(['order.paid'], true)] },
  other: { code: '', sources: [pipe(null, false, 'b')] },
};

/** Runs code as `a`; gives its answer, and the events that were accepted meanwhile. */
async function send(
  code: string,
  options: CallOptions = {},
): Promise<{ found: unknown; events: readonly NewEvent[] }> {
  const before = capable.events.length;
  const prelude = `const attempt = async (work) => { try { return (await work()) ?? 'ok'; } catch (e) { return e.code ?? e.name; } }; const pipe = env.NEXT;`;
  const target = deployCode({ a: { code: `${prelude} ${code}`, grants }, ...TAKERS }).of('a');
  const answer = await callIn(capable.pool, target, '/', options);
  if (answer.error !== null) throw answer.error;
  return { found: JSON.parse(answer.body), events: capable.events.slice(before) };
}

test('an event goes to each function that takes its type, and to no other', async () => {
  const { events } = await send(`
    await pipe.send('order.created', { n: 1 });
    await pipe.sendBatch([{ type: 'order.paid', data: 'é', contentType: 'text', subject: 'o1', id: 'p1', delaySeconds: 2 }, { type: 'order.created', data: new Uint8Array([7]) }, { type: 'order.created' }]);
    return Response.json(0);`);
  assert.deepEqual(
    events.map(({ lane, key, order, hops, delayMs, project, event: { attributes, data } }) => [
      lane,
      attributes.type,
      attributes['datacontenttype'],
      data === null ? null : Buffer.from(data).toString(),
      [key, order, hops, delayMs, project],
    ]),
    [
      ['pipe:a>app/all', 'order.created', 'application/json', '{"n":1}', [null, null, 1, 0, 'default']],
      ['pipe:a>app/all', 'order.paid', 'text/plain; charset=utf-8', 'é', ['p1', null, 1, 2000, 'default']],
      ['pipe:a>app/paid', 'order.paid', 'text/plain; charset=utf-8', 'é', ['p1', 'o1', 1, 2000, 'default']],
      [
        'pipe:a>app/all',
        'order.created',
        'application/octet-stream',
        '\u0007',
        [null, null, 1, 0, 'default'],
      ],
      ['pipe:a>app/all', 'order.created', undefined, null, [null, null, 1, 0, 'default']],
    ],
  );
  const [first, paid] = events;
  assert.ok(first !== undefined && paid !== undefined);
  const { id, time, ...rest } = first.event.attributes;
  assert.deepEqual(rest, {
    specversion: '1.0',
    source: '/apps/app/functions/a',
    type: 'order.created',
    datacontenttype: 'application/json',
    cordonflow: id,
  });
  assert.ok(!Number.isNaN(Date.parse(String(time))));
  assert.deepEqual([paid.event.attributes.id, paid.event.attributes['subject']], ['p1', 'o1']);
});

test('a type that the grant does not name is refused, with the grant that would allow it, and recorded', async () => {
  const recorded = capable.evidence.recorded.length;
  const { found, events } = await send(`
    const refusal = async (work) => { try { await work(); return 'ok'; } catch (e) { return [e.code, e.message]; } };
    return Response.json([
      await attempt(() => pipe.send('order.paid', 1)),
      await refusal(() => pipe.send('order.deleted', 1)),
      await refusal(() => pipe.sendBatch([{ type: 'order.paid' }, { type: 'Order Paid' }])),
    ]);`);
  assert.ok(Array.isArray(found));
  const [granted, [code, message], [odd, oddMessage]] = found as [string, [string, string], [string, string]];
  assert.equal(granted, 'ok');
  assert.equal(code, 'CORDON_GRANT_MISSING');
  assert.match(message, /app\/a may not pipe send on pipe:order\.deleted/);
  assert.match(
    message,
    /functions\.a\.grants\.pipe\.NEXT: \{"types":\["order\.created","order\.paid","order\.lost","order\.deleted"\]\}/,
  );
  assert.equal(odd, 'CORDON_GRANT_MISSING');
  assert.doesNotMatch(oddMessage, /Allow it/);
  const denials = capable.evidence.recorded.slice(recorded).filter(({ kind }) => kind === 'grant.denied');
  assert.deepEqual(
    denials.map(({ detail }) => detail?.['resource']),
    ['pipe:order.deleted', 'pipe:Order Paid'],
  );
  assert.equal(events.length, 2);
});

test('a type that nobody takes is an error, and nothing of its batch is sent', async () => {
  const { found, events } = await send(`return Response.json([
    await attempt(() => pipe.send('order.lost', 1)),
    await attempt(() => pipe.sendBatch([{ type: 'order.paid' }, { type: 'order.lost' }])),
  ]);`);
  assert.deepEqual(found, ['CORDON_PIPE_NOBODY', 'CORDON_PIPE_NOBODY']);
  assert.deepEqual(events, []);
});

test('a send at its limits is accepted, and past one of them nothing is', async () => {
  const { eventBatchMax, eventBytesMax, pipeBatchBytesMax, eventDelayMsMax, eventAttributeBytesMax } = LIMITS;
  const seconds = eventDelayMsMax.value / 1000;
  const { found, events } = await send(`
    const one = (n) => ({ type: 'order.created', data: new Uint8Array(n) });
    const many = (count, type) => Array.from({ length: count }, () => ({ type }));
    const bytes = (total) => { const all = []; for (let left = total; left > 0; left -= ${eventBytesMax.value}) all.push(one(Math.min(left, ${eventBytesMax.value}))); return all; };
    return Response.json([
      await attempt(() => pipe.sendBatch(many(${eventBatchMax.value}, 'order.created'))),
      await attempt(() => pipe.sendBatch(many(${eventBatchMax.value + 1}, 'order.created'))),
      await attempt(() => pipe.sendBatch(many(${eventBatchMax.value / 2}, 'order.paid'))),
      await attempt(() => pipe.sendBatch(many(${eventBatchMax.value / 2 + 1}, 'order.paid'))),
      await attempt(() => pipe.sendBatch([one(${eventBytesMax.value})])),
      await attempt(() => pipe.sendBatch([one(${eventBytesMax.value + 1})])),
      await attempt(() => pipe.sendBatch(bytes(${pipeBatchBytesMax.value}))),
      await attempt(() => pipe.sendBatch(bytes(${pipeBatchBytesMax.value + 1}))),
      await attempt(() => pipe.send('order.created', 1, { delaySeconds: ${seconds} })),
      await attempt(() => pipe.send('order.created', 1, { delaySeconds: ${seconds} + 1 })),
      await attempt(() => pipe.send('order.created', 1, { subject: 's'.repeat(${eventAttributeBytesMax.value}) })),
      await attempt(() => pipe.send('order.created', 1, { subject: 's'.repeat(${eventAttributeBytesMax.value + 1}) })),
      await attempt(() => pipe.send('order.created', 1, { id: 'é'.repeat(${eventAttributeBytesMax.value / 2}) })),
      await attempt(() => pipe.send('order.created', 1, { id: 'é'.repeat(${eventAttributeBytesMax.value / 2}) + 'x' })),
      await attempt(() => pipe.send('order.created', 1, { id: 'a\\n' })),
      await attempt(() => pipe.sendBatch([])),
      await attempt(() => pipe.send('order.created', 1, { contentType: 'text' })),
      await attempt(() => pipe.send('order.created', () => 1)),
    ]);`);
  const large = 'CORDON_EVENT_TOO_LARGE';
  const invalid = 'CORDON_CALL_INVALID';
  assert.deepEqual(found, [
    ...['ok', invalid, 'ok', invalid],
    ...['ok', large, 'ok', large],
    ...['ok', invalid, 'ok', invalid, 'ok', invalid],
    ...[invalid, invalid, 'TypeError', 'TypeError'],
  ]);
  const accepted = 2 * eventBatchMax.value + 1 + pipeBatchBytesMax.value / eventBytesMax.value + 3;
  assert.equal(events.length, accepted);
});

const HANDLED: EventAbout = {
  handler: 'event',
  attributes: { specversion: '1.0', id: 'e1', source: '/s', type: 'order.created' },
  hasData: false,
};

test('an event that an event sets off is of its flow and has one more hop, up to the most that may be', async () => {
  const most = LIMITS.eventHopsMax.value;
  const handle = async (hops: number): Promise<{ said: unknown; events: readonly NewEvent[] }> => {
    const before = capable.events.length;
    const id = `handled-${hops}`;
    const handlers = `async event(e, env) { try { await env.NEXT.send('order.created'); console.log('sent'); } catch (e) { console.log(e.code); } }`;
    const target = deployCode({ a: { code: '', handlers, grants }, ...TAKERS }).of('a');
    const headers = ['x-cordon-hops', String(hops), 'x-cordon-flow', 'flow-7'];
    await callIn(capable.pool, target, '/', { id, event: HANDLED, headers });
    const lines = capable.evidence.lines.filter(({ request }) => request === id);
    return { said: lines.map(({ message }) => message), events: capable.events.slice(before) };
  };
  const last = await handle(most - 1);
  assert.deepEqual(last.said, ['sent']);
  assert.deepEqual(
    last.events.map(({ hops, event }) => [hops, event.attributes['cordonflow']]),
    [[most, 'flow-7']],
  );
  const looped = await handle(most);
  assert.deepEqual(looped, { said: ['CORDON_EVENT_HOPS'], events: [] });
  const loops = capable.evidence.recorded.filter(({ kind }) => kind === 'event.loop');
  assert.deepEqual(
    loops.map(({ request, detail }) => [request, detail?.['hops']]),
    [[`handled-${most}`, most + 1]],
  );
});

test('a guest that is in a chain cannot make it look shorter by another request', async () => {
  const most = LIMITS.eventHopsMax.value;
  const before = capable.events.length;
  // The request from outside, which has no hops, is open while the event is; it makes the calls for it.
  const code = `
    globalThis.send = async () => { try { await env.NEXT.send('order.created'); return 'sent'; } catch (e) { return e.code; } };
    globalThis.call = async () => { try { await env.SELF.fetch('http://x/'); return 'called'; } catch (e) { return e.code; } };
    const asked = new Promise((resolve) => (globalThis.ask = resolve));
    globalThis.opened?.();
    const reply = await asked;
    reply(JSON.stringify([await send(), await call()]));
    return new Response('ok');`;
  const handlers = `async event(e, env) {
    while (globalThis.ask === undefined) await new Promise((resolve) => { globalThis.opened = resolve; });
    console.log(await new Promise((resolve) => globalThis.ask(resolve)));
  }`;
  const target = deployCode({
    a: {
      code,
      handlers,
      grants: { ...grants, service: { SELF: { function: 'a' } } },
      limits: { instances: 1 },
    },
    ...TAKERS,
  }).of('a');
  const headers = ['x-cordon-hops', String(most)];
  const handled = callIn(capable.pool, target, '/', { id: 'laundered', event: HANDLED, headers });
  const outside = callIn(capable.pool, target, '/');
  await Promise.all([handled, outside]);
  const lines = capable.evidence.lines.filter(({ request }) => request === 'laundered');
  assert.deepEqual(
    lines.map(({ message }) => message),
    ['["CORDON_EVENT_HOPS","CORDON_EVENT_HOPS"]'],
  );
  assert.equal(capable.events.length, before);
});

test('what goes on after the event has ended has its hops still', async () => {
  const handlers = `async event(e, env) {
    setTimeout(async () => console.log('later', await env.NEXT.send('order.created').then(() => 'sent', (e) => e.code)), 1);
  }`;
  const target = deployCode({ a: { code: '', handlers, grants }, ...TAKERS }).of('a');
  for (const [hops, result] of [
    [0, 'later sent'],
    [LIMITS.eventHopsMax.value, 'later CORDON_EVENT_HOPS'],
  ] as const) {
    const { instance } = await callIn(capable.pool, target, '/', {
      event: HANDLED,
      headers: ['x-cordon-hops', String(hops)],
    });
    const said = (): boolean =>
      capable.evidence.lines.some((line) => line.instance === instance && line.message === result);
    const deadline = Date.now() + 5000;
    while (!said() && Date.now() < deadline) await sleep(5);
    assert.ok(said(), result);
  }
});

test('without the grant there is no binding', async () => {
  const target = deployCode({
    a: { code: `return Response.json([typeof env.NEXT]);` },
    ...TAKERS,
  }).of('a');
  assert.deepEqual(JSON.parse((await callIn(capable.pool, target, '/')).body), ['undefined']);
});
