import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSqliteStore, queryBuilder, type Store } from '../store/index.ts';
import type { KeyWrapper } from './port.ts';
import { killed, programOf } from './rotation.fixture.ts';
import { localWrapper, openPlace, watched } from './vault.fixture.ts';
import { openVault } from './vault.ts';

async function wrappersIn(store: Store): Promise<string[]> {
  const select = queryBuilder(store.dialect)
    .selectFrom('data_keys')
    .select('wrapper')
    .distinct()
    .orderBy('wrapper');
  return (await store.query<{ wrapper: string }>(select.compile())).map(({ wrapper }) => wrapper);
}

test('moves all data keys to another master key at once, and goes on where it was stopped', async () => {
  const place = await openPlace();
  try {
    const { store, vault } = place;
    const old = localWrapper();
    const sealed = await vault.seal('p0', 'place', Buffer.of(1));
    for (let index = 1; index < 12; index += 1) await vault.rotateDataKey(`p${index % 4}`);
    const next = watched(localWrapper(2));
    const stop = new AbortController();
    const stopped = vault.rotateMaster(next, {
      signal: stop.signal,
      onProgress: ({ done }) => done === 5 && stop.abort(),
    });
    await assert.rejects(stopped, { name: 'AbortError' });
    assert.deepEqual(await wrappersIn(store), [old.id]);
    // The old master key is enough still.
    assert.deepEqual(Buffer.from(await (await place.again()).open('p0', 'place', sealed)), Buffer.of(1));

    await vault.seal('made meanwhile', 'place', Buffer.of(1));
    const restarted = await place.again();
    assert.equal(await restarted.rotateMaster(next), 13);
    assert.equal(next.wraps, 13, 'what was staged was not wrapped again');
    assert.deepEqual(await wrappersIn(store), [next.id]);
    assert.equal(await restarted.rotateMaster(next), 13);

    await assert.rejects(place.again(), { code: 'CORDON_KEY_REFUSED' });
    const after = await place.again({ wrapper: next });
    assert.deepEqual(Buffer.from(await after.open('p0', 'place', sealed)), Buffer.of(1));
    await after.seal('made after', 'place', Buffer.of(1));
    assert.deepEqual(await wrappersIn(store), [next.id]);
  } finally {
    await place.close();
  }
});

test('moves also a data key that is made while the master key changes', async () => {
  const place = await openPlace();
  try {
    const { store, vault } = place;
    for (let index = 0; index < 5; index += 1) await vault.seal(`p${index}`, 'place', Buffer.of(1));
    const next = localWrapper(2);
    const made: Promise<Uint8Array>[] = [];
    await vault.rotateMaster(next, {
      onProgress: ({ done }) => {
        if (done <= 5) made.push(Promise.resolve(vault.seal(`new ${done}`, 'place', Buffer.of(1))));
      },
    });
    const sealed = await Promise.all(made);
    assert.deepEqual(await wrappersIn(store), [next.id]);
    const restarted = await place.again({ wrapper: next });
    assert.ok(sealed.length >= 5);
    assert.deepEqual(
      Buffer.from(await restarted.open('new 1', 'place', sealed[0] ?? Buffer.of())),
      Buffer.of(1),
    );
  } finally {
    await place.close();
  }
});

test('keeps the old master key when the new one does not unwrap what it wraps, or fails', async () => {
  const place = await openPlace();
  try {
    const { store, vault } = place;
    await vault.seal('p', 'place', Buffer.of(1));
    const good = localWrapper(2);
    const lossy: KeyWrapper = {
      id: 'lossy',
      wrap: (key, context) => good.wrap(key, context),
      unwrap: async () => new Uint8Array(32),
    };
    await assert.rejects(vault.rotateMaster(lossy), { code: 'CORDON_KEY_REFUSED' });
    const failing = watched(good);
    failing.failure = new Error('down');
    await assert.rejects(vault.rotateMaster(failing), { message: 'down' });
    assert.deepEqual(await wrappersIn(store), [localWrapper().id]);
    assert.equal(await vault.rotateMaster(good), 1);
  } finally {
    await place.close();
  }
});

test('has one master key in force when the process is killed in the middle of changing it', async () => {
  const place = await openPlace();
  try {
    const sealed = await place.vault.seal('p0', 'place', Buffer.of(1));
    for (let index = 0; index < 8; index += 1) await place.vault.rotateDataKey(`p${index % 2}`);
    await place.store.close();
    await killed(
      programOf(
        place.storePath,
        `
        const next = localWrapper(2);
        let wraps = 0;
        const slow = { id: next.id, unwrap: (...all) => next.unwrap(...all), wrap: (...all) => {
          wraps += 1;
          if (wraps < 5) return next.wrap(...all);
          console.log('kill me');
          return new Promise(() => {});
        } };
        await vault.rotateMaster(slow);`,
      ),
    );
    const store = await openSqliteStore({ path: place.storePath });
    assert.deepEqual(await wrappersIn(store), [localWrapper().id]);
    const vault = await openVault({ store, wrapper: localWrapper() });
    const next = watched(localWrapper(2));
    assert.equal(await vault.rotateMaster(next), 9);
    assert.equal(next.wraps, 5, 'four were staged');
    const restarted = await openVault({ store, wrapper: next });
    assert.deepEqual(Buffer.from(await restarted.open('p0', 'place', sealed)), Buffer.of(1));
    await store.close();
  } finally {
    await place.close();
  }
});
