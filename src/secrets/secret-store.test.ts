import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { CordonError, LIMITS, Secret } from '../contract/index.ts';
import { queryBuilder, type Store } from '../store/index.ts';
import { manualClock, openPlace, type Place } from '../vault/vault.fixture.ts';
import { sealedVersion } from '../vault/index.ts';
import { SecretStore } from './index.ts';

const clock = manualClock();
let place: Place;
let secrets: SecretStore;

before(async () => {
  place = await openPlace();
  secrets = new SecretStore({ store: place.store, vault: place.vault, clock });
});

after(() => place.close());

function storeOf(store: Store, onQuery: () => Promise<void>): Store {
  return {
    dialect: store.dialect,
    commit: (writes) => store.commit(writes),
    scrub: () => store.scrub(),
    close: () => store.close(),
    async query(statement) {
      const rows = await store.query(statement);
      await onQuery();
      return rows as never;
    },
  };
}

test('a secret is set, read, replaced, listed without its value, and deleted', async () => {
  const made = await secrets.set('a', 'API_KEY', new Secret('one'));
  clock.move(5);
  await secrets.set('a', 'ZONE', new Secret('é'));
  assert.equal(await secrets.get('a', 'API_KEY'), 'one');
  const replaced = await secrets.set('a', 'API_KEY', new Secret('two'));
  assert.equal(await secrets.get('a', 'API_KEY'), 'two');
  assert.equal(replaced.createdAt, made.createdAt);
  assert.equal(replaced.updatedAt, made.updatedAt + 5);
  const listed = await secrets.list('a');
  assert.deepEqual(
    listed.map(({ name }) => name),
    ['API_KEY', 'ZONE'],
  );
  assert.deepEqual(listed[0], replaced);
  assert.deepEqual(await secrets.missing('a', ['ZONE', 'NOPE', 'NOPE']), ['NOPE']);
  await secrets.delete('a', 'API_KEY');
  assert.equal(await secrets.get('a', 'API_KEY'), null);
  await assert.rejects(secrets.delete('a', 'API_KEY'), { code: 'CORDON_SECRET_UNKNOWN' });
});

test('projects do not see the secrets of each other', async () => {
  await secrets.set('b', 'SHARED_NAME', new Secret('of b'));
  assert.equal(await secrets.get('c', 'SHARED_NAME'), null);
  await assert.rejects(secrets.delete('c', 'SHARED_NAME'), { code: 'CORDON_SECRET_UNKNOWN' });
  assert.deepEqual(await secrets.list('c'), []);
  assert.equal(await secrets.get('b', 'SHARED_NAME'), 'of b');
});

test('a value lies sealed in the store, and opens at its own name only', async () => {
  await secrets.set('d', 'FIRST', new Secret('PLAINTEXT-OF-FIRST'));
  await secrets.set('d', 'SECOND', new Secret('other'));
  for (const suffix of ['', '-wal']) {
    assert.equal(readFileSync(`${place.storePath}${suffix}`).includes('PLAINTEXT-OF-FIRST'), false);
  }
  const db = queryBuilder('sqlite');
  const [row] = await place.store.query<{ value: Uint8Array }>(
    db.selectFrom('secrets').select('value').where('name', '=', 'FIRST').compile(),
  );
  assert.ok(row);
  await place.store.commit([
    db.updateTable('secrets').set({ value: row.value }).where('name', '=', 'SECOND').compile(),
  ]);
  await assert.rejects(new SecretStore({ store: place.store, vault: place.vault }).get('d', 'SECOND'), {
    code: 'CORDON_SEAL_BROKEN',
  });
  assert.equal(
    await new SecretStore({ store: place.store, vault: place.vault }).get('d', 'FIRST'),
    'PLAINTEXT-OF-FIRST',
  );
});

test('names that no grant could say are refused, and the longest is taken', async () => {
  await secrets.set('e', 'A'.repeat(64), new Secret('x'));
  for (const name of ['', 'lower', '1A', 'A-B', 'A'.repeat(65), 'A\n', '__proto__']) {
    await assert.rejects(secrets.set('e', name, new Secret('x')), { code: 'CORDON_SECRET_INVALID' });
  }
  assert.equal(await secrets.get('e', '__proto__'), null);
  assert.equal((await secrets.list('e')).length, 1);
});

test('a value of 64 KiB is taken; one byte more, none, or broken text is refused without being shown', async () => {
  const most = LIMITS.secretValueBytesMax.value;
  await secrets.set('f', 'BIG', new Secret('x'.repeat(most)));
  assert.equal((await secrets.get('f', 'BIG'))?.length, most);
  for (const value of ['', 'x'.repeat(most + 1), `${'é'.repeat(most / 2)}x`, '\ud800']) {
    await assert.rejects(secrets.set('f', 'BIG', new Secret(value)), (error: unknown) => {
      assert.ok(error instanceof CordonError);
      assert.equal(error.code, 'CORDON_SECRET_INVALID');
      assert.doesNotMatch(error.message, /xx|é/);
      return true;
    });
  }
  assert.equal((await secrets.get('f', 'BIG'))?.length, most);
});

test('a read that a change overtakes is not kept', async () => {
  const held = Promise.withResolvers<void>();
  let holding = true;
  const slow = new SecretStore({
    store: storeOf(place.store, async () => (holding ? held.promise : undefined)),
    vault: place.vault,
  });
  await secrets.set('g', 'TURN', new Secret('old'));
  const early = slow.get('g', 'TURN');
  await new Promise(setImmediate);
  holding = false;
  await slow.set('g', 'TURN', new Secret('new'));
  assert.equal(await slow.get('g', 'TURN'), 'new');
  held.resolve();
  assert.equal(await early, 'old');
  assert.equal(await slow.get('g', 'TURN'), 'new');
});

test('values are read once and then come from memory', async () => {
  let queries = 0;
  const counted = new SecretStore({
    store: storeOf(place.store, async () => void (queries += 1)),
    vault: place.vault,
  });
  await secrets.set('h', 'ONCE', new Secret('v'));
  assert.deepEqual(await Promise.all([counted.get('h', 'ONCE'), counted.get('h', 'ONCE')]), ['v', 'v']);
  assert.equal(await counted.get('h', 'ONCE'), 'v');
  assert.equal(queries, 1);
});

test('the most that a project may have is held to', async () => {
  const most = LIMITS.secretsPerProjectMax.value;
  const db = queryBuilder('sqlite');
  const value = new Uint8Array([1]);
  await place.store.commit(
    Array.from({ length: most - 1 }, (_, i) =>
      db
        .insertInto('secrets')
        .values({ project: 'full', name: `S${i}`, value, created_at: 0, updated_at: 0 })
        .compile(),
    ),
  );
  await secrets.set('full', 'LAST', new Secret('x'));
  await assert.rejects(secrets.set('full', 'MORE', new Secret('x')), { code: 'CORDON_SECRET_INVALID' });
  await secrets.set('full', 'LAST', new Secret('y'));
});

test('values are resealed when the data key is rotated', async () => {
  await secrets.set('i', 'KEPT', new Secret('stays'));
  const version = await place.vault.rotateDataKey('i');
  const [progress] = await place.vault.reseal('i', [secrets.place]);
  assert.deepEqual([progress?.rewritten, progress?.broken], [1, 0]);
  const [row] = await place.store.query<{ value: Uint8Array }>(
    queryBuilder('sqlite').selectFrom('secrets').select('value').where('project', '=', 'i').compile(),
  );
  assert.equal(sealedVersion(row?.value ?? new Uint8Array()), version);
  assert.equal(await new SecretStore({ store: place.store, vault: place.vault }).get('i', 'KEPT'), 'stays');
});
