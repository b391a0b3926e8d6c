import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CordonError, LIMITS } from '../contract/index.ts';
import type { ClaimedEvent } from '../events/index.ts';
import { backoffMs, giveBack, isPlatformFault, readOutcome, settle } from './outcome.ts';
import type { RunResult } from './outcome.ts';

const SPEC = { attempts: 3, backoffMs: 100, backoffMsMax: 1000 };
const half = (): number => 0.5;

function claimed(attempt: number): ClaimedEvent {
  const attributes = { specversion: '1.0', id: 'a', source: '/', type: 't' } as const;
  const event = { attributes, data: null };
  return { id: 'e', lane: 'queue:q', event, order: null, hops: 0, attempt, acceptedAt: 0, lease: 'l' };
}

function outcomes(result: RunResult, attempts: readonly number[]): unknown[] {
  return settle(attempts.map(claimed), result, SPEC, half).map(({ outcome }) => outcome);
}

function read(value: unknown, count = 3): RunResult {
  return { kind: 'answered', outcome: readOutcome(Buffer.from(JSON.stringify(value)), count) };
}

const retry = (afterMs: number, said: string) => ({
  kind: 'retry',
  afterMs,
  reason: `CORDON_FUNCTION_ERROR: ${said}`,
  counts: true,
});
const ASKED = 'The function asked for another attempt.';
const THREW = 'The handler threw.';
const DONE = { kind: 'done' };

test('what a handler says counts message by message, and what it does not mention as the whole', () => {
  const messages = [true, { retryAfterSeconds: 7 }];
  assert.deepEqual(outcomes(read({ ok: true, messages }), [1, 1, 1]), [DONE, retry(7000, ASKED), DONE]);
  assert.deepEqual(outcomes(read({ ok: false, messages }), [1, 1, 1]), [
    DONE,
    retry(7000, THREW),
    retry(50, THREW),
  ]);
  assert.deepEqual(outcomes(read({ ok: true }), [1, 2]), [DONE, DONE]);
  assert.deepEqual(outcomes(read({ ok: false }), [1, 2]), [retry(50, THREW), retry(100, THREW)]);
  const asSource = [{ retryAfterSeconds: null }];
  assert.deepEqual(outcomes(read({ ok: true, messages: asSource }), [2]), [retry(100, ASKED)]);
});

test('the last attempt ends as a dead letter, also where the function asks for another', () => {
  assert.deepEqual(outcomes(read({ ok: false }), [3, 2]), [
    { kind: 'dead', reason: `CORDON_FUNCTION_ERROR: ${THREW}` },
    retry(100, THREW),
  ]);
  assert.deepEqual(outcomes(read({ ok: true, messages: [{ retryAfterSeconds: 1 }] }), [4]), [
    { kind: 'dead', reason: `CORDON_FUNCTION_ERROR: ${ASKED}` },
  ]);
});

test('a tick that says so is not tried again when it failed, and is done when it did not', () => {
  assert.deepEqual(outcomes(read({ ok: false, noRetry: true }), [1]), [
    { kind: 'dead', reason: `CORDON_FUNCTION_ERROR: ${THREW}` },
  ]);
  assert.deepEqual(outcomes(read({ ok: true, noRetry: true }), [1]), [DONE]);
});

test('a delay that a function asks for is at most that of a message', () => {
  const most = LIMITS.queueDelayMsMax.value;
  for (const seconds of [most / 1000, most / 1000 + 1, Number.MAX_SAFE_INTEGER])
    assert.deepEqual(outcomes(read({ ok: true, messages: [{ retryAfterSeconds: seconds }] }), [1]), [
      retry(most, ASKED),
    ]);
  assert.deepEqual(outcomes(read({ ok: true, messages: [{ retryAfterSeconds: 0 }] }), [1]), [
    retry(0, ASKED),
  ]);
});

for (const [what, text] of [
  ['no JSON', 'ok'],
  ['nothing', ''],
  ['another value', '[]'],
  ['no verdict', '{}'],
  ['a verdict of another type', '{"ok":"yes"}'],
  ['an unknown key', '{"ok":true,"done":true}'],
  ['a message of another type', '{"ok":true,"messages":[false]}'],
  ['a delay in the past', '{"ok":true,"messages":[{"retryAfterSeconds":-1}]}'],
  ['a delay without end', '{"ok":true,"messages":[{"retryAfterSeconds":1e999}]}'],
  ['a message that was not given', '{"ok":true,"messages":[true,true]}'],
] as const) {
  test(`an answer with ${what} is no outcome`, () => {
    assert.throws(() => readOutcome(Buffer.from(text), 1), { code: 'CORDON_FUNCTION_RESPONSE' });
  });
}

test('an answer that is not UTF-8 is no outcome', () => {
  const bytes = Buffer.concat([Buffer.from('{"ok":true}'), Buffer.from([0xff])]);
  assert.throws(() => readOutcome(bytes, 1), { code: 'CORDON_FUNCTION_RESPONSE' });
});

test('a failure of the function counts with its code and a bounded reason, one of the platform does not', () => {
  const message = `line\n\u001b[31m${'x'.repeat(10_000)}`;
  const error = new CordonError('CORDON_FUNCTION_TIMEOUT', message);
  const [settled] = settle([claimed(1)], { kind: 'failed', error }, SPEC, half);
  assert.ok(settled?.outcome.kind === 'retry' && settled.outcome.counts);
  const { reason } = settled.outcome;
  assert.match(reason, /^CORDON_FUNCTION_TIMEOUT: line\\n\\x1b\[31mxxx/);
  assert.ok(Buffer.byteLength(reason) <= LIMITS.eventReasonBytesMax.value);
  const refused: RunResult = { kind: 'failed', error: new CordonError('CORDON_OVERLOADED') };
  assert.ok(isPlatformFault(refused));
  const [back] = settle([claimed(9)], refused, SPEC, half);
  assert.ok(back?.outcome.kind === 'retry' && !back.outcome.counts);
  const returned = giveBack(claimed(9), 'CORDON_DRAINING', 5).outcome;
  assert.deepEqual(returned, {
    kind: 'retry',
    afterMs: 5,
    reason: 'CORDON_DRAINING: The server is shutting down.',
    counts: false,
  });
});

test('the pause doubles with each attempt up to its most, and jitter takes any part of it', () => {
  const most = (): number => 1 - Number.EPSILON;
  assert.deepEqual(
    [1, 2, 3, 4, 5, 100].map((attempt) => backoffMs(SPEC, attempt, most)),
    [99, 199, 399, 799, 999, 999],
  );
  assert.equal(
    backoffMs(SPEC, 5, () => 0),
    0,
  );
});

test('whatever an answer holds, each event gets one outcome or the answer is refused', () => {
  fc.assert(
    fc.property(fc.json(), fc.integer({ min: 1, max: 5 }), (text, count) => {
      try {
        const outcome = readOutcome(Buffer.from(text), count);
        const events = Array.from({ length: count }, () => claimed(1));
        assert.equal(settle(events, { kind: 'answered', outcome }, SPEC, half).length, count);
      } catch (thrown) {
        assert.ok(thrown instanceof CordonError && thrown.code === 'CORDON_FUNCTION_RESPONSE');
      }
    }),
  );
});
