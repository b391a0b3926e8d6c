import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CordonError, systemClock } from '../../contract/index.ts';
import type { NewEvent } from '../../events/index.ts';
import { CONTEXT, callOf, noEvidence, serve } from '../capability.fixture.ts';
import { PipeCapability } from '../index.ts';
import type { CallerContext } from '../index.ts';

const TYPES = ['order.created', 'order.paid'];
const context: CallerContext = {
  ...CONTEXT,
  grants: { ...CONTEXT.grants, pipe: { NEXT: { types: TYPES } } },
};

function pipeTo(accept: (events: readonly NewEvent[]) => Promise<void>): PipeCapability {
  return new PipeCapability({
    log: {
      async accept(events) {
        await accept(events);
        return events.map(() => ({ id: 'evt_1' }));
      },
    },
    directory: { consumers: () => [{ lane: 'pipe:f>app/g', ordered: false }] },
    evidence: noEvidence,
    clock: systemClock,
  });
}

const event = (type: unknown, bytes = 0) => ({ type, contentType: bytes === 0 ? null : 'text', bytes });

test('whatever a guest says, nothing is sent of a type that its grant does not name', async () => {
  const sent: NewEvent[] = [];
  const pipe = pipeTo(async (events) => void sent.push(...events));
  const type = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...TYPES) },
    fc.constantFrom('order.lost', '__proto__', TYPES, { toString: 'order.paid' }),
    fc.string(),
    fc.jsonValue(),
  );
  const events = fc.array(
    fc.oneof(
      fc.jsonValue(),
      type.map((value) => event(value)),
    ),
    { maxLength: 3 },
  );
  const args = fc.oneof(fc.jsonValue(), fc.record({ events: fc.oneof(events, fc.jsonValue()) }));
  await fc.assert(
    fc.asyncProperty(args, fc.constantFrom('NEXT', 'OTHER', '__proto__', ''), async (given, binding) => {
      const call = callOf('pipe', binding, 'send', given);
      const { outcome, resource, rule } = pipe.decide(context, call);
      assert.ok(resource.length <= 256 && rule.length <= 256);
      if (binding !== 'NEXT') assert.equal(outcome, 'deny');
      if (outcome === 'allow') await serve([pipe], call, [], context);
    }),
    { numRuns: 500 },
  );
  assert.ok(sent.length > 0);
  assert.ok(sent.every(({ event: { attributes } }) => TYPES.includes(attributes.type)));
});

test('an operation that does not exist is refused, whatever is granted', () => {
  const call = callOf('pipe', 'NEXT', 'receive', { events: [event('order.paid')] });
  assert.equal(pipeTo(() => Promise.resolve()).decide(context, call).rule, 'operation.unknown');
});

test('data have the sizes that were said, or nothing is sent', async () => {
  const sent: NewEvent[] = [];
  const pipe = pipeTo(async (events) => void sent.push(...events));
  const args = { events: [event('order.paid', 2), event('order.paid', 3)] };
  const call = callOf('pipe', 'NEXT', 'send', args);
  for (const body of ['four', 'sixsix', '']) {
    const { error } = await serve([pipe], call, [Buffer.from(body)], context);
    assert.equal(error?.code, 'CORDON_CALL_INVALID', body);
  }
  assert.deepEqual(sent, []);
  const { error } = await serve([pipe], call, [Buffer.from('fiv'), Buffer.from('es')], context);
  assert.equal(error, null);
  assert.deepEqual(
    sent.map(({ event: { data } }) => Buffer.from(data ?? []).toString()),
    ['fi', 'ves'],
  );
});

test('the guest learns that a lane is full, and nothing about a failure inside', async () => {
  const call = callOf('pipe', 'NEXT', 'send', { events: [event('order.paid')] });
  const failing = (thrown: unknown) => serve([pipeTo(() => Promise.reject(thrown))], call, [], context);
  assert.equal((await failing(new CordonError('CORDON_EVENTS_FULL'))).error?.code, 'CORDON_EVENTS_FULL');
  const { error } = await failing(new Error('/var/lib/cordon is gone'));
  assert.equal(error?.code, 'CORDON_INTERNAL');
  assert.doesNotMatch(error.message, /var/);
});
