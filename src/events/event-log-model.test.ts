import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../contract/index.ts';
import {
  PROJECT,
  dead,
  done,
  newEvent,
  openStoredLog,
  retry,
  type OpenLog,
  type StoredLog,
} from './event-log.fixture.ts';
import type { ClaimedEvent, EventLog } from './port.ts';

const LANES = ['queue:a', 'queue:b'] as const;
const LEASE_MS = 1_000;

interface ModelEvent {
  readonly lane: string;
  readonly order: string | null;
  readonly acceptedAt: number;
  since: number;
  diedAt: number;
  place: number;
  state: 'waiting' | 'dead';
  dueAt: number;
  attempts: number;
  lease: string | null;
  claimed: ClaimedEvent | null;
}

const lane = fc.constantFrom(...LANES);
const lanePick = fc.nat();
const order = fc.constantFrom(null, 'x', 'y');
const key = fc.constantFrom(null, null, 'k1', 'k2');
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('accept' as const),
      events: fc.array(fc.record({ lane, order, key, delayMs: fc.constantFrom(0, 0, 700) }), {
        maxLength: 5,
      }),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('claim' as const),
      lane,
      // Mostly as one consumer would.
      ordered: fc.constantFrom(true, true, true, true, true, false),
      limit: fc.constantFrom(1, 2, 100),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      pick: lanePick,
      as: fc.constantFrom('done', 'done', 'retry', 'give back', 'dead', 'stale'),
      afterMs: fc.constantFrom(0, 400),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(1, 400, LEASE_MS) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.constant(LIMITS.eventDuplicateWindowMs.value),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('sweep' as const),
      ms: fc.constantFrom(0, LIMITS.eventRetentionMs.value),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('replay' as const), lane }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), pick: lanePick }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** What a log has to be, told in as few words as possible, next to one that is. */
class Model {
  readonly #opened: OpenLog;
  #log: EventLog;
  readonly #events = new Map<string, ModelEvent>();
  readonly #keys = new Map<string, number>();
  #places = 0;

  constructor(opened: OpenLog) {
    this.#opened = opened;
    this.#log = opened.log;
  }

  get #now(): number {
    return this.#opened.clock.now();
  }

  async run(given: Command): Promise<void> {
    switch (given.kind) {
      case 'accept':
        return this.#accept(given);
      case 'claim':
        return this.#claim(given);
      case 'settle':
        return this.#settle(given);
      case 'pass':
        return this.#opened.clock.move(given.ms);
      case 'reopen':
        return this.#reopen();
      case 'sweep':
        return this.#sweep(given.ms);
      case 'replay':
        return this.#replay(given.lane);
      case 'drop':
        return this.#drop(given.pick);
    }
  }

  async #accept({ events }: Extract<Command, { kind: 'accept' }>): Promise<void> {
    const accepted = await this.#log.accept(events.map((event) => newEvent(event)));
    for (const [index, event] of events.entries()) {
      const name = `${event.lane} ${event.key}`;
      const isDuplicate = event.key !== null && (this.#keys.get(name) ?? 0) > this.#now;
      const id = accepted[index]?.id ?? null;
      assert.equal(id === null, isDuplicate);
      if (id === null) continue;
      this.#keys.set(name, this.#now + LIMITS.eventDuplicateWindowMs.value);
      this.#events.set(id, {
        lane: event.lane,
        order: event.order,
        acceptedAt: this.#now,
        since: this.#now,
        diedAt: 0,
        place: (this.#places += 1),
        state: 'waiting',
        dueAt: this.#now + event.delayMs,
        attempts: 0,
        lease: null,
        claimed: null,
      });
    }
  }

  async #claim(given: Extract<Command, { kind: 'claim' }>): Promise<void> {
    const { lane: name, ordered, limit } = given;
    const options = { limit, ordered, bytesMax: 1e9, leaseMs: LEASE_MS };
    const expected = [...this.#events]
      .filter(([, event]) => event.lane === name && event.state === 'waiting' && event.dueAt <= this.#now)
      .filter(([, event]) => !ordered || !this.#isBehind(event))
      .toSorted(([, one], [, other]) => one.dueAt - other.dueAt || one.place - other.place)
      .slice(0, limit);
    const claimed = await this.#log.claim(PROJECT, name, options);
    assert.deepEqual(claimed.map(({ id }) => id).toSorted(), expected.map(([id]) => id).toSorted());
    for (const found of claimed) {
      const event = this.#get(found.id);
      event.attempts += 1;
      event.dueAt = this.#now + LEASE_MS;
      event.lease = found.lease;
      event.claimed = found;
      assert.deepEqual(
        [found.attempt, found.order, found.acceptedAt],
        [event.attempts, event.order, event.acceptedAt],
      );
    }
  }

  #isBehind({ lane: name, order: own, place }: ModelEvent): boolean {
    return [...this.#events.values()].some(
      (other) =>
        own !== null &&
        other.lane === name &&
        other.order === own &&
        other.state === 'waiting' &&
        other.place < place,
    );
  }

  async #settle({ pick, as, afterMs }: Extract<Command, { kind: 'settle' }>): Promise<void> {
    const candidates = [...this.#events.entries()].filter(([, { claimed }]) => claimed !== null);
    const [id, event] = candidates[pick % Math.max(1, candidates.length)] ?? [];
    if (id === undefined || event === undefined || event.claimed === null) return;
    const { claimed } = event;
    if (as === 'stale') return this.#log.settle([done({ ...claimed, lease: `0.${PROJECT}` })]);
    const outcomes = {
      done: done(claimed),
      dead: dead(claimed),
      retry: retry(claimed, afterMs),
      'give back': retry(claimed, afterMs, 'no room', false),
    };
    await this.#log.settle([outcomes[as]]);
    event.claimed = null;
    if (event.lease !== claimed.lease) return;
    event.lease = null;
    if (as === 'done') this.#events.delete(id);
    else if (as === 'dead') Object.assign(event, { state: 'dead', diedAt: this.#now });
    else event.dueAt = this.#now + afterMs;
    if (as === 'give back') event.attempts -= 1;
  }

  async #reopen(): Promise<void> {
    await this.#log.close();
    this.#log = await this.#opened.reopen();
    for (const event of this.#events.values()) {
      if (event.lease !== null) event.dueAt = this.#now;
      event.lease = null;
    }
  }

  async #sweep(ms: number): Promise<void> {
    this.#opened.clock.move(ms);
    await this.#log.sweep();
    for (const [id, event] of this.#events) {
      const isForgotten = event.diedAt <= this.#now - LIMITS.deadRetentionMs.value;
      if (event.state === 'dead' && isForgotten) this.#events.delete(id);
      const isOld = event.since <= this.#now - LIMITS.eventRetentionMs.value;
      if (event.state === 'dead' || !isOld || (event.lease !== null && event.dueAt > this.#now)) continue;
      event.state = 'dead';
      event.diedAt = this.#now;
      event.lease = null;
    }
  }

  async #replay(name: string): Promise<void> {
    const revived = [...this.#events.values()]
      .filter((event) => event.lane === name && event.state === 'dead')
      .toSorted((one, other) => one.place - other.place);
    assert.equal(await this.#log.replay(PROJECT, { lane: name, state: 'dead' }), revived.length);
    for (const event of revived) {
      event.state = 'waiting';
      event.attempts = 0;
      event.since = this.#now;
      event.dueAt = this.#now;
      event.place = this.#places += 1;
    }
  }

  async #drop(pick: number): Promise<void> {
    const ids = [...this.#events.keys()];
    const id = ids[pick % Math.max(1, ids.length)];
    if (id === undefined) return;
    assert.equal(await this.#log.drop(PROJECT, { ids: [id] }), 1);
    this.#events.delete(id);
  }

  #get(id: string): ModelEvent {
    const event = this.#events.get(id);
    assert.ok(event !== undefined, `${id} came although it was gone`);
    return event;
  }

  /** Every event that was accepted stands where it has to, and no other does. */
  async check(): Promise<void> {
    const { events } = await this.#log.list({ project: PROJECT, limit: 1_000 });
    const found = events.map(({ id, lane: name, state, attempts }) => [id, name, state, attempts]);
    const expected = [...this.#events]
      .toSorted(([, one], [, other]) => one.place - other.place)
      .map(([id, event]) => [id, event.lane, event.state, event.attempts]);
    assert.deepEqual(found, expected);
    for (const name of LANES) {
      const of = (state: string): number =>
        [...this.#events.values()].filter((event) => event.lane === name && event.state === state).length;
      const status = this.#log.lanes().find((candidate) => candidate.lane === name);
      assert.deepEqual([status?.waiting ?? 0, status?.dead ?? 0], [of('waiting'), of('dead')]);
    }
  }
}

let opened: StoredLog;
before(async () => {
  opened = await openStoredLog();
});
after(() => opened.close());

test('accounts for every event, whatever comes in whatever order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 60, size: 'max' }), async (commands) => {
      const model = new Model(await opened.emptied());
      for (const given of commands) await model.run(given);
      await model.check();
    }),
    { numRuns: 60 },
  );
});
