import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { CordonError, LIMITS } from '../contract/index.ts';
import { queryBuilder, type Store } from '../store/index.ts';
import { sealedVersion } from './format.ts';
import {
  collect,
  inParts,
  localWrapper,
  manualClock,
  openPlace,
  watched,
  type Place,
} from './vault.fixture.ts';

let place: Place;
before(async () => {
  place = await openPlace();
});
after(() => place.close());

const gone = { code: 'CORDON_KEY_SHREDDED' };

function keysOf(store: Store, project: string) {
  return store.query<{ version: number; wrapper: string; wrapped: Uint8Array; retired_at: number | null }>(
    queryBuilder(store.dialect)
      .selectFrom('data_keys')
      .selectAll()
      .where('project', '=', project)
      .orderBy('version')
      .compile(),
  );
}

test('makes a data key at the first value, works at once from then on, and opens it after a restart', async () => {
  const first = place.vault.seal('first', 'place', Buffer.from('one'));
  assert.ok(first instanceof Promise);
  const sealed = await first;
  assert.ok(place.vault.seal('first', 'place', Buffer.from('two')) instanceof Uint8Array);
  assert.ok(place.vault.open('first', 'place', sealed) instanceof Uint8Array);
  assert.equal((await keysOf(place.store, 'first')).length, 1);

  const restarted = await place.again();
  assert.equal(Buffer.from(await restarted.open('first', 'place', sealed)).toString(), 'one');
});

test('makes one data key for values that come at the same time, also from two processes', async () => {
  const other = await place.again();
  const sealed = await Promise.all(
    Array.from({ length: 20 }, async (_, index) =>
      (index % 2 === 0 ? place.vault : other).seal('together', 'place', Buffer.of(index)),
    ),
  );
  assert.equal((await keysOf(place.store, 'together')).length, 1);
  for (const [index, bytes] of sealed.entries()) {
    assert.deepEqual(Buffer.from(await other.open('together', 'place', bytes)), Buffer.of(index));
  }
});

test('seals the bytes that it was given when the caller goes on with its buffer', async () => {
  const plaintext = Buffer.from('one');
  const sealing = place.vault.seal('buffers', 'place', plaintext);
  plaintext.write('two');
  const sealed = Buffer.from(await sealing);
  const opening = (await place.again()).open('buffers', 'place', sealed);
  sealed.fill(0);
  assert.equal(Buffer.from(await opening).toString(), 'one');
});

test('has no key for a project that never had one', async () => {
  const sealed = await place.vault.seal('some', 'place', Buffer.of(1));
  await assert.rejects(async () => place.vault.open('never', 'place', sealed), {
    code: 'CORDON_KEY_MISSING',
  });
  assert.equal((await keysOf(place.store, 'never')).length, 0);
  await assert.rejects(async () => place.vault.open('some', 'place', Buffer.of(1)), {
    code: 'CORDON_SEAL_BROKEN',
  });
});

test('seals with a new data key after a rotation, and opens the old values still', async () => {
  const { vault } = place;
  const old = await vault.seal('rotated', 'place', Buffer.from('old'));
  assert.equal(await vault.rotateDataKey('rotated'), 2);
  const next = await vault.seal('rotated', 'place', Buffer.from('new'));
  assert.deepEqual([sealedVersion(old), sealedVersion(next)], [1, 2]);
  const restarted = await place.again();
  assert.equal(Buffer.from(await restarted.open('rotated', 'place', old)).toString(), 'old');
  assert.equal(Buffer.from(await restarted.open('rotated', 'place', next)).toString(), 'new');
  assert.equal(sealedVersion(await restarted.seal('rotated', 'place', Buffer.of(1))), 2);
  const rows = await keysOf(place.store, 'rotated');
  assert.deepEqual(
    rows.map(({ retired_at }) => retired_at === null),
    [false, true],
  );
});

test('refuses a rotation when there are too many data keys', async () => {
  for (let version = 1; version <= LIMITS.dataKeyVersionsMax.value; version += 1) {
    assert.equal(await place.vault.rotateDataKey('many'), version);
  }
  await assert.rejects(place.vault.rotateDataKey('many'), { code: 'CORDON_RESEAL_INCOMPLETE' });
});

test('destroys a project for good, and only that one', async () => {
  const { vault } = place;
  const sealed = await vault.seal('doomed', 'place', Buffer.from('secret'));
  const kept = await vault.seal('kept', 'place', Buffer.from('kept'));
  const stream = await collect(vault.sealStream('doomed', 'place', inParts(Buffer.from('secret'), 9)));
  const reading = vault.openStream('doomed', 'place', endless(vault.sealStream('doomed', 'place', zeros())));
  await reading.next();
  const copies = await keysOf(place.store, 'doomed');

  await vault.shredProject('doomed');
  await vault.shredProject('doomed');
  for (const one of [vault, await place.again()]) {
    await assert.rejects(async () => one.open('doomed', 'place', sealed), gone);
    await assert.rejects(async () => one.seal('doomed', 'place', Buffer.of(1)), gone);
    await assert.rejects(collect(one.openStream('doomed', 'place', inParts(stream, 99))), gone);
    await assert.rejects(one.keyedNames('doomed', 'a'), gone);
    await assert.rejects(one.rotateDataKey('doomed'), gone);
    assert.equal(Buffer.from(await one.open('kept', 'place', kept)).toString(), 'kept');
  }
  await assert.rejects(collect(reading), gone);
  assert.equal((await keysOf(place.store, 'doomed')).length, 0);
  assert.equal(copies.length, 1);
});

async function* zeros(): AsyncGenerator<Uint8Array> {
  for (;;) yield new Uint8Array(100_000);
}

function endless(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return source;
}

test('leaves no wrapped key of a destroyed project in the database', async () => {
  const own = await openPlace();
  try {
    await own.vault.seal('doomed', 'place', Buffer.from('secret'));
    await own.vault.rotateDataKey('doomed');
    await own.vault.seal('kept', 'place', Buffer.of(1));
    const doomed = await keysOf(own.store, 'doomed');
    const kept = await keysOf(own.store, 'kept');
    await own.vault.shredProject('doomed');
    // Closing writes the WAL back and removes it.
    await own.store.close();
    const file = readFileSync(own.storePath);
    assert.equal(doomed.length, 2);
    for (const { wrapped } of doomed) assert.equal(file.includes(wrapped), false);
    for (const { wrapped } of kept) assert.equal(file.includes(wrapped), true);
  } finally {
    await own.close();
  }
});

test('learns within the refresh time that another process destroyed or rotated keys', async () => {
  const clock = manualClock();
  const here = await place.again({ clock });
  const destroyed = await here.seal('elsewhere', 'place', Buffer.of(1));
  await here.seal('rotated-elsewhere', 'place', Buffer.of(1));
  await place.vault.shredProject('elsewhere');
  await place.vault.rotateDataKey('rotated-elsewhere');

  clock.move(LIMITS.keyRefreshMs.value);
  assert.ok(here.open('elsewhere', 'place', destroyed) instanceof Uint8Array);
  clock.move(1);
  await assert.rejects(async () => here.open('elsewhere', 'place', destroyed), gone);
  assert.equal(sealedVersion(await here.seal('rotated-elsewhere', 'place', Buffer.of(1))), 2);
});

test('asks the master key once for each data key, and goes on without it', async () => {
  const clock = manualClock();
  const wrapper = watched(localWrapper());
  const vault = await place.again({ clock, wrapper });
  const sealed = await vault.seal('asked', 'place', Buffer.of(1));
  const other = await place.again({ wrapper });
  await Promise.all(Array.from({ length: 10 }, async () => other.open('asked', 'place', sealed)));
  assert.deepEqual([wrapper.wraps, wrapper.unwraps], [1, 1]);

  wrapper.failure = new CordonError('CORDON_KEY_UNAVAILABLE');
  clock.move(LIMITS.keyRefreshMs.value * 2);
  assert.deepEqual(Buffer.from(await vault.open('asked', 'place', sealed)), Buffer.of(1));
  // A project that is not in memory has to wait until it is back.
  const third = await place.again({ wrapper });
  await assert.rejects(async () => third.open('asked', 'place', sealed), { code: 'CORDON_KEY_UNAVAILABLE' });
  wrapper.failure = null;
  assert.deepEqual(Buffer.from(await third.open('asked', 'place', sealed)), Buffer.of(1));
});

test('keeps a bounded number of projects in memory', async () => {
  const wrapper = watched(localWrapper());
  const vault = await place.again({ wrapper });
  const count = LIMITS.projectsUnlockedMax.value;
  const sealed = await vault.seal('p0', 'place', Buffer.of(1));
  for (let index = 1; index < count; index += 1) await vault.seal(`p${index}`, 'place', Buffer.of(1));
  assert.ok(vault.open('p0', 'place', sealed) instanceof Uint8Array);
  await vault.seal(`p${count}`, 'place', Buffer.of(1));
  assert.ok(vault.open('p0', 'place', sealed) instanceof Promise);
  assert.deepEqual(Buffer.from(await vault.open('p0', 'place', sealed)), Buffer.of(1));
});

test('refuses to start with another master key, or with keys that were moved to another project', async () => {
  const sealed = await place.vault.seal('victim', 'place', Buffer.of(1));
  await place.vault.seal('thief', 'place', Buffer.of(1));
  await assert.rejects(place.again({ wrapper: localWrapper(9) }), { code: 'CORDON_KEY_REFUSED' });

  const [victim] = await keysOf(place.store, 'victim');
  const update = queryBuilder(place.store.dialect)
    .updateTable('data_keys')
    .set({ wrapped: victim?.wrapped ?? Buffer.of() })
    .where('project', '=', 'thief');
  await place.store.commit([update.compile()]);
  const vault = await place.again();
  await assert.rejects(async () => vault.open('thief', 'place', sealed), { code: 'CORDON_KEY_REFUSED' });
  assert.deepEqual(Buffer.from(await vault.open('victim', 'place', sealed)), Buffer.of(1));
});
