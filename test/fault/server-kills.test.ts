import assert from 'node:assert/strict';
import { test } from 'node:test';
import { descendants, sandboxed } from '../attack/processes.ts';
import { Stand } from './stand.ts';

const SERVER_ROUNDS = 24;
const INSTANCE_ROUNDS = 60;
const WORK_MS_MAX = 250;
const REST_MS = 30_000;
const BATCH_MAX = 20;
const POISON_PERCENT = 4;

function random(below: number): number {
  return Math.floor(Math.random() * below);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Offers events of all kinds until the server does not answer any more, or `stop` says so. */
async function produce(stand: Stand, stop: () => boolean): Promise<void> {
  while (!stop()) {
    const ids = Array.from({ length: 1 + random(BATCH_MAX) }, () => stand.newId());
    const behaviour = random(100) < POISON_PERCENT ? ({ mode: 'poison' } as const) : {};
    const roll = random(3);
    const acknowledged =
      roll === 0
        ? await stand.send(ids, behaviour)
        : await stand.post(roll === 1 ? 'taker' : 'other', ids, roll === 1 ? behaviour : {});
    if (!acknowledged) await pause(5);
  }
}

function assertBalanced(balance: Awaited<ReturnType<Stand['atRest']>>): void {
  assert.deepEqual(balance.missing, [], 'events are missing');
  assert.deepEqual(balance.astray, [], 'events reached a function that they were not for');
  assert.deepEqual(balance.forged, [], 'events came from nowhere');
  assert.equal(balance.waiting, 0, 'events wait for ever');
}

test(`${SERVER_ROUNDS} kills of the server lose no acknowledged event`, async () => {
  const stand = await Stand.open();
  try {
    for (let round = 0; round < SERVER_ROUNDS; round += 1) {
      let over = false;
      const work = [1, 2, 3].map(() => produce(stand, () => over));
      await pause(30 + random(WORK_MS_MAX));
      await stand.server.kill();
      over = true;
      await Promise.all(work);
      await stand.restart();
    }
    const balance = await stand.atRest(REST_MS);
    stand.print(`server, ${SERVER_ROUNDS} kills`, balance);
    assertBalanced(balance);
    assert.ok(balance.accepted > SERVER_ROUNDS * 10 && balance.dead > 0, 'too little was going on');
    await stand.server.stop();
  } finally {
    await stand.close();
  }
});

test(`${INSTANCE_ROUNDS} kills of instances lose no acknowledged event`, async () => {
  const stand = await Stand.open();
  try {
    let over = false;
    let kills = 0;
    const work = [1, 2].map(() => produce(stand, () => over));
    while (kills < INSTANCE_ROUNDS) {
      await pause(10 + random(60));
      const own = sandboxed(stand.server.pid);
      const living =
        own.length > 0 ? own : descendants(stand.server.pid).filter(({ name }) => name === 'deno');
      const victim = living[random(living.length)];
      if (victim === undefined) continue;
      try {
        process.kill(victim.pid, 'SIGKILL');
        kills += 1;
      } catch {
        // It ended by itself.
      }
    }
    over = true;
    await Promise.all(work);
    const balance = await stand.atRest(REST_MS);
    stand.print(`instances, ${kills} kills`, balance);
    assertBalanced(balance);
    assert.ok(balance.accepted > INSTANCE_ROUNDS, 'too little was going on');
    await stand.server.stop();
  } finally {
    await stand.close();
  }
});
