import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { Broker, Meter } from '../broker/index.ts';
import { CONTEXT, noEvidence, openStored } from '../capability/capability.fixture.ts';
import type { Stored } from '../capability/capability.fixture.ts';
import { createRedactor } from '../capability/index.ts';
import { CALL_STREAM_BIT, FLAG, FRAME, encodeCredit, encodeFrame, encodeHead } from '../channel/index.ts';
import { LIMITS } from '../contract/index.ts';
import { HostileGuest } from './hostile-guest.fixture.ts';

const RUNS = 150;

let stored: Stored;
let broker: Broker;

before(async () => {
  stored = await openStored();
  broker = new Broker({
    capabilities: stored.storage.capabilities,
    evidence: noEvidence,
    meter: new Meter(),
  });
});

after(() => stored.close());

function start(): Promise<HostileGuest> {
  return HostileGuest.start((instance) => broker.opener({ ...CONTEXT, instance }, createRedactor([])));
}

const name = fc.oneof(
  fc.constantFrom('kv', 'bucket', 'queue', 'service', 'pipe', 'secret', '__proto__', 'constructor'),
  fc.string({ maxLength: 300 }),
);
const binding = fc.oneof(
  fc.constantFrom('KV', 'BUCKET', 'QUEUE', '__proto__', 'toString'),
  fc.string({ maxLength: 300 }),
);
const operation = fc.oneof(
  fc.constantFrom('get', 'put', 'delete', 'list', 'head', 'send', '__proto__'),
  fc.string(),
);
const key = fc.oneof(fc.constantFrom('k', 'a/b'), fc.string({ unit: 'binary', maxLength: 600 }));
const args = fc.oneof(
  fc.record({ key }),
  fc.record({ keys: fc.array(key, { maxLength: 5 }) }),
  fc.record({ prefix: key, limit: fc.integer(), cursor: fc.string() }, { requiredKeys: [] }),
  fc.record(
    { key, range: fc.anything(), onlyIf: fc.anything(), metadata: fc.anything(), expirationTtl: fc.double() },
    { requiredKeys: ['key'] },
  ),
  fc.record({
    messages: fc.array(
      fc.record({ contentType: fc.constantFrom('json', 'text', 'x'), bytes: fc.integer({ max: 1000 }) }),
    ),
  }),
  fc.jsonValue(),
);
const id = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 2 ** 31 - 1 }));
const flags = fc.constantFrom(0, 0, FLAG.last, 255);
const sized = fc.constantFrom(
  0,
  1,
  1000,
  65_536,
  LIMITS.streamWindowBytes.value,
  LIMITS.streamWindowBytes.value + 1,
);
const stream = id.map((number) => CALL_STREAM_BIT + number);

const frame = fc.oneof(
  fc
    .tuple(stream, flags, name, binding, operation, args, sized)
    .map(([to, bits, capability, bound, verb, given, size]) =>
      encodeFrame(
        FRAME.call,
        bits,
        to,
        encodeHead([capability, bound, verb, given, 1], new Uint8Array(size)),
      ),
    ),
  fc
    .tuple(stream, flags, sized)
    .map(([to, bits, size]) => encodeFrame(FRAME.data, bits, to, new Uint8Array(size))),
  fc.tuple(stream, fc.nat()).map(([to, bytes]) => encodeFrame(FRAME.credit, 0, to, encodeCredit(bytes))),
  stream.map((to) => encodeFrame(FRAME.abort, 0, to, null)),
  fc
    .tuple(fc.integer({ min: 0, max: 255 }), flags, stream, fc.uint8Array({ maxLength: 64 }))
    .map(([type, bits, to, payload]) => encodeFrame(type, bits, to, payload)),
  fc
    .tuple(stream, fc.jsonValue())
    .map(([to, head]) => encodeFrame(FRAME.call, 0, to, encodeHead(head, null))),
  fc.uint8Array({ maxLength: 40 }),
);
/** A guest that begins well: each frame before the first that breaks the protocol counts. */
const opening = fc
  .array(fc.tuple(name, binding, operation, args, sized, fc.boolean()), { maxLength: 6 })
  .map((calls) =>
    calls.flatMap(([capability, bound, verb, given, size, last], index) => {
      const to = CALL_STREAM_BIT + index + 1;
      return [
        encodeFrame(
          FRAME.call,
          last ? FLAG.last : 0,
          to,
          encodeHead([capability, bound, verb, given, 1], new Uint8Array(size)),
        ),
      ];
    }),
  );

test(
  'whatever a guest sends on its calls, the host lives, and the next guest is served',
  { timeout: 120_000 },
  async () => {
    let violations = 0;
    let survivors = 0;
    await fc.assert(
      fc.asyncProperty(opening, fc.array(frame, { maxLength: 12 }), async (first, rest) => {
        const guest = await start();
        for (const bytes of [...first, ...rest]) guest.send(bytes);
        await guest.leave();
        if (guest.violation === null) survivors += 1;
        else violations += 1;
      }),
      { numRuns: RUNS },
    );
    assert.ok(violations > 0 && survivors > 0, `${violations} violations, ${survivors} without`);
    const good = await start();
    const put = good.reply(1);
    good.send(
      encodeFrame(
        FRAME.call,
        FLAG.last,
        CALL_STREAM_BIT + 1,
        encodeHead(['kv', 'KV', 'put', { key: 'good' }, 1], Buffer.from('value')),
      ),
    );
    assert.deepEqual(await put, { value: null });
    const got = good.reply(2);
    good.send(
      encodeFrame(
        FRAME.call,
        FLAG.last,
        CALL_STREAM_BIT + 2,
        encodeHead(['kv', 'KV', 'get', { key: 'good' }, 1], null),
      ),
    );
    assert.deepEqual(await got, { value: {} });
    await good.leave();
  },
);

test('a guest that sends more than its window dies, and one that keeps to it is served', async () => {
  const window = LIMITS.streamWindowBytes.value;
  const upload = async (bytes: number): Promise<string | null> => {
    const guest = await start();
    const head = encodeHead(['bucket', 'BUCKET', 'put', { key: 'k' }, 1], new Uint8Array(bytes));
    guest.send(encodeFrame(FRAME.call, 0, CALL_STREAM_BIT + 1, head));
    await guest.leave();
    return guest.violation;
  };
  assert.equal(await upload(window), null);
  assert.match((await upload(window + 1)) ?? '', /window/);
});

test('an upload of a guest that dies half-way leaves nothing', async () => {
  const guest = await start();
  const head = encodeHead(['bucket', 'BUCKET', 'put', { key: 'half' }, 1], new Uint8Array(100_000));
  guest.send(encodeFrame(FRAME.call, 0, CALL_STREAM_BIT + 1, head));
  await guest.leave();
  const rows = await stored.store.query({
    sql: "select key from bucket_objects where key = 'half'",
    parameters: [],
  });
  assert.deepEqual(rows, []);
});

test(
  'a guest that asks for more and more and reads nothing costs a bounded amount of memory',
  { timeout: 60_000 },
  async () => {
    const good = await start();
    const stored = good.reply(1);
    const put = encodeHead(['kv', 'KV', 'put', { key: 'big' }, 1], new Uint8Array(65_536));
    good.send(encodeFrame(FRAME.call, FLAG.last, CALL_STREAM_BIT + 1, put));
    await stored;
    await good.leave();
    const guest = await start();
    guest.deafen();
    const get = encodeHead(['kv', 'KV', 'get', { key: 'big' }, 1], null);
    const before = process.memoryUsage().arrayBuffers;
    for (let id = 1; id <= 5000; id += 1) {
      guest.send(encodeFrame(FRAME.call, FLAG.last, CALL_STREAM_BIT + id, get));
      if (id % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const grown = process.memoryUsage().arrayBuffers - before;
    assert.ok(grown < 2 * LIMITS.channelBufferBytesMax.value, `${grown} bytes wait`);
    guest.instance.kill();
    await guest.leave();
  },
);

test('a guest that asks for much at once and reads gets all of it', { timeout: 60_000 }, async () => {
  const guest = await start();
  const get = encodeHead(['kv', 'KV', 'get', { key: 'big' }, 1], null);
  const replies: Promise<unknown>[] = [];
  for (let id = 1; id <= 250; id += 1) {
    replies.push(guest.reply(id));
    guest.send(encodeFrame(FRAME.call, FLAG.last, CALL_STREAM_BIT + id, get));
  }
  assert.deepEqual(
    new Set((await Promise.all(replies)).map((reply) => JSON.stringify(reply))),
    new Set(['{"value":{}}']),
  );
  assert.equal(guest.violation, null);
  await guest.leave();
});
