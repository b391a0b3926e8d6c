import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, mock, test } from 'node:test';
import { LIMITS, Secret, type Clock } from '../contract/index.ts';
import { openMasterKeyFile, SecretStore } from '../secrets/index.ts';
import { openVault, type KeyWrapper, type SealedPlace } from '../vault/index.ts';
import { localWrapper, manualClock, openPlace, type Place } from '../vault/vault.fixture.ts';
import { KeyRotation, type KeyRotationOptions } from './index.ts';

let place: Place;
let secrets: SecretStore;

before(async () => {
  place = await openPlace();
  secrets = new SecretStore({ store: place.store, vault: place.vault });
  await secrets.set('default', 'KEPT', new Secret('stays'));
});

after(() => place.close());

function rotationOf(more: Partial<KeyRotationOptions> = {}): KeyRotation {
  return new KeyRotation({
    store: place.store,
    vault: place.vault,
    places: [secrets.place],
    master: null,
    ...more,
  });
}

/** The state once nothing runs any more. */
async function ended(rotation: KeyRotation): Promise<Awaited<ReturnType<KeyRotation['status']>>> {
  for (;;) {
    const view = await rotation.status();
    if (view.state !== 'running') return view;
    await new Promise(setImmediate);
  }
}

/** A place whose walk is held until it is let go. */
function heldPlace(): { readonly place: SealedPlace; readonly reached: Promise<void>; release(): void } {
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  return {
    reached: reached.promise,
    release: () => released.resolve(),
    place: {
      name: 'held',
      async list() {
        reached.resolve();
        await released.promise;
        return [];
      },
      rewrite: async () => ({ rewritten: 0, broken: 0 }),
    },
  };
}

test('a rotation of the data key seals everything anew and says how much', async () => {
  const rotation = rotationOf();
  assert.equal((await rotation.status()).state, 'idle');
  assert.equal((await rotation.start('data')).state, 'running');
  const view = await ended(rotation);
  assert.equal(view.state, 'done');
  assert.equal(view.version, 2);
  assert.deepEqual(
    view.places.map(({ place: name, rewritten, isDone }) => [name, rewritten, isDone]),
    [['secrets.value', 1, true]],
  );
  assert.equal(view.note, null);
  assert.equal(
    await new SecretStore({ store: place.store, vault: place.vault }).get('default', 'KEPT'),
    'stays',
  );
});

test('one rotation runs at a time: the same one is joined, another one refused', async () => {
  const held = heldPlace();
  const rotation = rotationOf({ places: [held.place] });
  const first = await rotation.start('data');
  await held.reached;
  assert.equal((await rotation.start('data')).startedAt, first.startedAt);
  await assert.rejects(rotation.start('master'), { code: 'CORDON_KEY_ROTATING' });
  held.release();
  assert.equal((await ended(rotation)).state, 'done');
});

test('a rotation that was interrupted goes on with the same key in another process', async () => {
  const held = heldPlace();
  const rotation = rotationOf({ places: [held.place, secrets.place] });
  await rotation.start('data');
  await held.reached;
  const closing = rotation.close();
  held.release();
  await closing;
  const cut = await rotation.status();
  assert.equal(cut.state, 'interrupted');

  const next = rotationOf({ places: [secrets.place] });
  assert.equal((await next.status()).state, 'interrupted');
  await assert.rejects(next.start('master'), { code: 'CORDON_KEY_ROTATING', message: /was interrupted/ });
  await next.resume();
  const done = await ended(next);
  assert.deepEqual([done.state, done.version, done.places[0]?.rewritten], ['done', cut.version, 1]);
  const idle = rotationOf();
  await idle.resume();
  assert.equal((await idle.status()).state, 'idle');
});

test('what fails says why, and the next start goes on', async () => {
  let fails = true;
  const failing: SealedPlace = {
    name: 'failing',
    list: async () => {
      if (fails) throw new Error('no disk');
      return [];
    },
    rewrite: async () => ({ rewritten: 0, broken: 0 }),
  };
  const rotation = rotationOf({ places: [failing] });
  const { version: none } = await rotation.start('data');
  assert.equal(none, null);
  const failed = await ended(rotation);
  assert.equal(failed.state, 'failed');
  assert.equal(failed.error?.message, 'no disk');
  fails = false;
  await rotation.start('data');
  const done = await ended(rotation);
  assert.deepEqual([done.state, done.version], ['done', failed.version]);
});

/** Clock, store and timers of their own, with a data key that was just retired. */
async function openRetired(): Promise<{
  readonly clock: Clock & { move(ms: number): void };
  readonly place: Place;
  readonly places: readonly SealedPlace[];
  readonly versions: () => Promise<readonly number[]>;
  readonly close: () => Promise<void>;
}> {
  const clock = manualClock();
  const own = await openPlace({ clock });
  const kept = new SecretStore({ store: own.store, vault: own.vault });
  await kept.set('default', 'KEPT', new Secret('stays'));
  mock.timers.enable({ apis: ['setTimeout'] });
  return {
    clock,
    place: own,
    places: [kept.place],
    async versions() {
      const rows = await own.store.query<{ version: number }>({
        sql: 'SELECT version FROM data_keys ORDER BY version',
        parameters: [],
      });
      return rows.map(({ version }) => version);
    },
    async close() {
      mock.timers.reset();
      await own.close();
    },
  };
}

const GRACE_MS = LIMITS.retiredKeyGraceMs.value;
const MARGIN_MS = 1000;

/** Lets time pass for clock and timers, and then everything happen that is due. */
async function pass(clock: { move(ms: number): void }, rotation: KeyRotation, ms: number): Promise<void> {
  clock.move(ms);
  mock.timers.tick(ms);
  await rotation.settled();
}

test('a retired data key is forgotten when its grace time is over, and not before', async () => {
  const { clock, place: own, places, versions, close } = await openRetired();
  const rotation = rotationOf({ store: own.store, vault: own.vault, places, clock });
  try {
    await rotation.start('data');
    await ended(rotation);
    await rotation.settled();
    await pass(clock, rotation, GRACE_MS - 1);
    assert.deepEqual(await versions(), [1, 2]);
    await pass(clock, rotation, 1 + MARGIN_MS);
    assert.deepEqual(await versions(), [2]);
    assert.equal(await new SecretStore(own).get('default', 'KEPT'), 'stays');
  } finally {
    await rotation.close();
    await close();
  }
});

test('a server that starts later forgets what was retired before, and a walk that fails is tried again', async () => {
  const { clock, place: own, places, versions, close } = await openRetired();
  let fails = true;
  const failing: SealedPlace = {
    name: 'failing',
    list: async () => {
      if (fails) throw new Error('no disk');
      return [];
    },
    rewrite: async () => ({ rewritten: 0, broken: 0 }),
  };
  await own.vault.rotateDataKey('default');
  const rotation = rotationOf({ store: own.store, vault: own.vault, places: [...places, failing], clock });
  try {
    await rotation.resume();
    await rotation.settled();
    await pass(clock, rotation, GRACE_MS + MARGIN_MS);
    assert.deepEqual(await versions(), [1, 2]);
    fails = false;
    await pass(clock, rotation, GRACE_MS - 1);
    assert.deepEqual(await versions(), [1, 2], 'not at once');
    await pass(clock, rotation, 1);
    assert.deepEqual(await versions(), [2]);
    assert.equal((await rotation.status()).state, 'idle');
  } finally {
    await rotation.close();
    await close();
  }
});

test('nothing is forgotten after the rotation was closed', async () => {
  const { clock, place: own, places, versions, close } = await openRetired();
  await own.vault.rotateDataKey('default');
  const rotation = rotationOf({ store: own.store, vault: own.vault, places, clock });
  try {
    await rotation.resume();
    await rotation.close();
    await pass(clock, rotation, 2 * GRACE_MS);
    assert.deepEqual(await versions(), [1, 2]);
  } finally {
    await close();
  }
});

test('a master key that Cordon does not keep is not changed', async () => {
  await assert.rejects(rotationOf().start('master'), { code: 'CORDON_KEY_INVALID' });
  assert.equal((await rotationOf().status()).state, 'idle');
});

test('the file of the master key is exchanged, and an exchange that was cut leaves data that opens', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-master-'));
  const path = join(folder, 'master.key');
  const own = await openPlace({ wrapper: openMasterKeyFile({ path, create: true }).wrapper });
  try {
    const first = readFileSync(path, 'utf8');
    const kept = new SecretStore({ store: own.store, vault: own.vault });
    await kept.set('default', 'KEPT', new Secret('stays'));
    const file = openMasterKeyFile({ path, create: false });
    const cut = { next: file.next, adopt: () => Promise.reject(new Error('cut')) };
    const options = { store: own.store, vault: own.vault, places: [kept.place], master: cut };
    const interrupted = new KeyRotation(options);
    await interrupted.start('master');
    assert.equal((await ended(interrupted)).state, 'failed');

    // The next process has both keys.
    const again = openMasterKeyFile({ path, create: false });
    assert.equal(readFileSync(path, 'utf8'), first);
    assert.equal(again.previousWrappers.length, 1);
    const vault = await openVault({ store: own.store, ...again });
    const reopened = new SecretStore({ store: own.store, vault });
    assert.equal(await reopened.get('default', 'KEPT'), 'stays');
    const rotation = new KeyRotation({ ...options, vault, master: again });
    await rotation.resume();
    const view = await ended(rotation);
    assert.deepEqual([view.state, view.keys], ['done', { done: 1, total: 1 }]);
    assert.match(view.note ?? '', /master\.key holds the new master key/);

    const last = openMasterKeyFile({ path, create: false });
    assert.notEqual(readFileSync(path, 'utf8'), first);
    assert.equal(readFileSync(`${path}.previous`, 'utf8'), first);
    assert.equal(existsSync(`${path}.next`), false);
    const final = await openVault({ store: own.store, ...last });
    assert.equal(await new SecretStore({ store: own.store, vault: final }).get('default', 'KEPT'), 'stays');
    const wrong: KeyWrapper = localWrapper(9);
    await assert.rejects(openVault({ store: own.store, wrapper: wrong }), { code: 'CORDON_KEY_REFUSED' });
  } finally {
    await own.close();
    rmSync(folder, { recursive: true });
  }
});
