import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { QueueBatch } from '../../src/guest/queue-batch.ts';

const AGAIN = { retryAfterSeconds: null };

function batchOf(...bodies: readonly (readonly ['json' | 'text' | 'bytes', string])[]): QueueBatch {
  const heads = bodies.map(([contentType, body], index) => ({
    id: `m${index}`,
    timestamp: 1000 + index,
    attempts: index + 1,
    contentType,
    bytes: Buffer.byteLength(body),
  }));
  return new QueueBatch('jobs', heads, new Uint8Array(Buffer.from(bodies.map(([, body]) => body).join(''))));
}

test('messages have what Workers gives them, with bodies as their types say', () => {
  const { shown } = batchOf(['json', '{"n":1}'], ['text', 'héllo'], ['bytes', 'abc']);
  assert.equal(shown.queue, 'jobs');
  assert.deepEqual(
    shown.messages.map(({ id, timestamp, attempts, body }) => [id, timestamp.getTime(), attempts, body]),
    [
      ['m0', 1000, 1, { n: 1 }],
      ['m1', 1001, 2, 'héllo'],
      ['m2', 1002, 3, new Uint8Array([97, 98, 99])],
    ],
  );
});

test('a body that is not the JSON that it says costs its own message alone', () => {
  const batch = batchOf(['json', '{"n":'], ['json', '2']);
  assert.deepEqual(
    batch.shown.messages.map(({ id, body }) => [id, body]),
    [['m1', 2]],
  );
  assert.deepEqual(batch.unreadable, ['m0']);
  batch.shown.ackAll();
  assert.deepEqual(batch.outcomes(true), [AGAIN, true]);
});

test('without a word all is done when the handler returns, and is tried again when it throws', () => {
  assert.deepEqual(batchOf(['text', 'a'], ['text', 'b']).outcomes(true), [true, true]);
  assert.deepEqual(batchOf(['text', 'a'], ['text', 'b']).outcomes(false), [AGAIN, AGAIN]);
});

test('the first word on a message counts, and one on it goes before a later one on all', () => {
  const said = fc.record({
    to: fc.constantFrom(0, 1, 'all' as const),
    word: fc.constantFrom('ack' as const, 'retry' as const),
    delay: fc.option(fc.nat(100), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(said, { maxLength: 8 }), fc.boolean(), (words, ok) => {
      const batch = batchOf(['text', 'a'], ['text', 'b']);
      const { shown } = batch;
      for (const { to, word, delay } of words) {
        const options = delay === undefined ? undefined : { delaySeconds: delay };
        if (to === 'all' && word === 'ack') shown.ackAll();
        else if (to === 'all') shown.retryAll(options);
        else if (word === 'ack') shown.messages[to]?.ack();
        else shown.messages[to]?.retry(options);
      }
      // Whichever comes first of what concerns a message at all.
      const expected = [0, 1].map((index) => {
        const first = words.find(({ to }) => to === index || to === 'all');
        if (first === undefined) return ok ? true : AGAIN;
        return first.word === 'ack' ? true : { retryAfterSeconds: first.delay ?? null };
      });
      assert.deepEqual(batch.outcomes(ok), expected);
    }),
  );
});

test('a delay is a number of seconds from 0, and anything else is an error that says nothing', () => {
  const batch = batchOf(['text', 'a']);
  const [message] = batch.shown.messages;
  assert.ok(message !== undefined);
  for (const delaySeconds of [-1, Number.NaN, Infinity, 2 ** 53, '5'])
    assert.throws(() => message.retry({ delaySeconds: delaySeconds as number }), TypeError);
  assert.deepEqual(batch.outcomes(true), [true]);
  message.retry({ delaySeconds: 0 });
  assert.deepEqual(batch.outcomes(true), [{ retryAfterSeconds: 0 }]);
});
