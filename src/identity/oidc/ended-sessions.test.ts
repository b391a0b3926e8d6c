import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import type { Store } from '../../store/index.ts';
import { manualClock } from '../clock.fixture.ts';
import { EndedSessions } from './index.ts';
import { place } from './login.fixture.ts';

describe('ended sessions', () => {
  const id = (at: number, letter: string) => `${at.toString(36)}.${letter.repeat(22)}`;

  it('are forgotten when they would have ended anyway, in memory and in the store', async () => {
    const clock = manualClock(Date.now());
    const { store } = place;
    const options = { store, project: 'forgetting', clock };
    const ended = await EndedSessions.open(options);
    const now = clock.now();
    await ended.end('a', 'x', id(now, 'a'), now + 1000);
    assert.equal(ended.has('a', 'x', id(now, 'a')), true);
    assert.equal(ended.has('a', 'x', id(now, 'b')), false);
    assert.equal(ended.has('a', 'y', id(now, 'a')), false);
    assert.equal(ended.has('b', 'x', id(now, 'a')), false);
    clock.move(1000);
    await ended.end('a', 'x', id(now, 'b'), now + 5000);
    assert.equal(ended.has('a', 'x', id(now, 'a')), false);
    const rows = await store.query<{ session: string }>({
      sql: "SELECT session FROM ended_sessions WHERE project = 'forgetting'",
      parameters: [],
    });
    assert.deepEqual(
      rows.map(({ session }) => session),
      [id(now, 'b')],
    );
  });

  it('that are too many end all sessions that have begun, so that nobody is let in again', async () => {
    const clock = manualClock(Date.now());
    const options = { store: place.store, project: 'many', clock, sessionsMax: 2 };
    const ended = await EndedSessions.open(options);
    const began = clock.now();
    clock.move(10);
    for (const letter of ['a', 'b', 'b']) await ended.end('a', 'x', id(began, letter), began + 99_000);
    assert.equal(ended.has('a', 'x', id(began, 'c')), false);
    await ended.end('a', 'x', id(began, 'd'), began + 99_000);
    for (const one of [ended, await EndedSessions.open(options)]) {
      for (const letter of ['a', 'b', 'c', 'd']) assert.equal(one.has('a', 'x', id(began, letter)), true);
      assert.equal(one.has('a', 'x', id(clock.now(), 'e')), true);
      assert.equal(one.has('a', 'x', id(clock.now() + 1, 'e')), false);
      assert.equal(one.has('a', 'y', id(began, 'c')), false);
      assert.equal(one.has('a', 'x', 'no id'), true);
    }
  });

  it('of all can be ended again later', async () => {
    const clock = manualClock(Date.now());
    const options = { store: place.store, project: 'again', clock };
    const ended = await EndedSessions.open(options);
    await ended.endAll('a', 'x');
    clock.move(100);
    const later = clock.now();
    await ended.endAll('a', 'x');
    for (const one of [ended, await EndedSessions.open(options)])
      assert.equal(one.has('a', 'x', id(later, 'a')), true);
  });

  it('of one authenticator are as many as the limit', async () => {
    const clock = manualClock(Date.now());
    const { store } = place;
    const ended = await EndedSessions.open({
      store: { ...wrapped(store), commit: () => Promise.resolve([]) },
      project: 'limit',
      clock,
    });
    const began = clock.now();
    const most = LIMITS.oidcEndedSessionsMax.value;
    const name = (index: number) => `${began.toString(36)}.${String(index).padStart(22, '0')}`;
    for (let index = 0; index < most; index += 1) {
      clock.move(0.001);
      await ended.end('a', 'x', name(index), began + 1000);
    }
    assert.equal(ended.has('a', 'x', name(most)), false);
    await ended.end('a', 'x', name(most), began + 1000);
    assert.equal(ended.has('a', 'x', name(most + 1)), true);
  });
});

function wrapped(store: Store): Store {
  return {
    dialect: store.dialect,
    query: (statement) => store.query(statement),
    commit: (writes) => store.commit(writes),
    scrub: () => store.scrub(),
    close: () => store.close(),
  };
}
