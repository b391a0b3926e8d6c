import { RecordingEvidence } from '../../src/evidence/recording-evidence.fixture.ts';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Clock } from '../../src/contract/index.ts';
import { openEventLog } from '../../src/events/index.ts';
import type { ClaimedEvent, EventLog, NewEvent } from '../../src/events/index.ts';
import { openSqliteStore } from '../../src/store/index.ts';
import { openFileKeyWrapper, openVault } from '../../src/vault/index.ts';

const PROJECT = 'default';
const LANE = 'queue:jobs';
const ROUNDS = 60;
const DAY_MS = 24 * 3600 * 1000;
const START_MS = 1_800_000_000_000;
/** How far off the clock is at most: a process that starts cannot know, and what is past its retention by its clock expires. */
const OFF_MS_MAX = 6 * DAY_MS;
const CLAIM = { limit: 50, bytesMax: 2 ** 30, leaseMs: 2_000, ordered: false } as const;

/** A clock that is set while time goes on. */
class UnsteadyClock implements Clock {
  #set = START_MS;
  #passed = 0;

  now(): number {
    return this.#set + this.#passed;
  }

  monotonic(): number {
    return this.#passed;
  }

  pass(ms: number): void {
    this.#passed += ms;
  }

  set(byMs: number): void {
    this.#set += byMs;
  }

  /** Sets it to be so far from what it would be had nobody touched it. */
  setOff(byMs: number): void {
    this.#set = START_MS + byMs;
  }
}

function random(below: number): number {
  return Math.floor(Math.random() * below);
}

function newEvent(id: string, delayMs: number): NewEvent {
  return {
    project: PROJECT,
    lane: LANE,
    event: { attributes: { specversion: '1.0', id, source: '/clock', type: 'fault.event' }, data: null },
    key: null,
    order: null,
    hops: 0,
    delayMs,
  };
}

interface World {
  readonly clock: UnsteadyClock;
  readonly evidence: RecordingEvidence;
  log: EventLog;
  reopen(): Promise<void>;
}

async function inWorld(run: (world: World) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-clock-'));
  const clock = new UnsteadyClock();
  const evidence = new RecordingEvidence();
  const store = await openSqliteStore({ path: join(folder, 'cordon.db') });
  const wrapper = openFileKeyWrapper({ path: join(folder, 'master.key'), create: true });
  const sealer = await openVault({ store, wrapper });
  const open = (): Promise<EventLog> => openEventLog({ store, sealer, clock, evidence });
  const world: World = {
    clock,
    evidence,
    log: await open(),
    async reopen() {
      await world.log.close();
      world.log = await open();
    },
  };
  try {
    await run(world);
  } finally {
    await world.log.close();
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

test('a clock that is set back and forth while events are accepted, tried and swept loses none', () =>
  inWorld(async (world) => {
    const { clock, evidence } = world;
    const accepted = new Set<string>();
    const done = new Set<string>();
    const work = async (claimed: readonly ClaimedEvent[], all: boolean): Promise<void> => {
      const outcomes = claimed.map((event) => {
        const id = event.event.attributes.id;
        if (!all && random(3) === 0)
          return {
            event,
            outcome: { kind: 'retry', afterMs: random(5_000), reason: 'threw', counts: true },
          } as const;
        assert.ok(!done.has(id), `${id} came again`);
        done.add(id);
        return { event, outcome: { kind: 'done' } } as const;
      });
      await world.log.settle(outcomes);
    };
    for (let round = 0; round < ROUNDS; round += 1) {
      const events = Array.from({ length: 1 + random(5) }, (_, index) =>
        newEvent(`e${round}-${index}`, random(2) * random(10_000)),
      );
      await world.log.accept(events);
      for (const { event } of events) accepted.add(event.attributes.id);
      clock.pass(random(1_500));
      if (random(3) === 0) clock.setOff(random(2 * OFF_MS_MAX) - OFF_MS_MAX);
      await work(await world.log.claim(PROJECT, LANE, CLAIM), false);
      if (random(4) === 0) await world.log.sweep();
      if (random(10) === 0) await world.reopen();
    }
    // No event is due later than it was to be when it was put off, whatever the clock said meanwhile.
    for (let passed = 0; passed < 30 && done.size < accepted.size; passed += 1) {
      clock.pass(1_000);
      await work(await world.log.claim(PROJECT, LANE, CLAIM), true);
    }
    const { events: left } = await world.log.list({ project: PROJECT, limit: 1000 });
    // One that was swept by a process that knew no other clock is a dead letter, and can be replayed.
    const dead = left.filter(({ state, reason }) => state === 'dead' && reason === 'expired');
    const missing = accepted.size - done.size - dead.length;
    console.log(
      `clock: accepted ${accepted.size}, done ${done.size}, dead ${dead.length}, waiting ${left.length - dead.length}; missing ${missing}`,
    );
    assert.deepEqual([missing, left.length - dead.length], [0, 0]);
    assert.ok(evidence.recorded.some(({ reason }) => reason === 'clock-set'));
  }));

test('nothing expires while the clock is ahead, and everything that is too old does once it is right', () =>
  inWorld(async ({ clock, log }) => {
    await log.accept([newEvent('waits', 0), newEvent('dies', 0)]);
    const claimed = await log.claim(PROJECT, LANE, { ...CLAIM, limit: 1 });
    await log.settle(claimed.map((event) => ({ event, outcome: { kind: 'dead', reason: 'gave up' } })));
    clock.set(400 * DAY_MS);
    await log.sweep();
    const states = async (): Promise<string[]> =>
      (await log.list({ project: PROJECT, limit: 10 })).events.map(({ state }) => state).toSorted();
    assert.deepEqual(await states(), ['dead', 'waiting']);
    clock.set(-400 * DAY_MS);
    await log.sweep();
    assert.deepEqual(await states(), ['dead', 'waiting']);
    clock.pass(400 * DAY_MS);
    await log.sweep();
    await log.sweep();
    assert.deepEqual(await states(), ['dead'], 'the one that waited is a dead letter, the dead one is gone');
  }));
