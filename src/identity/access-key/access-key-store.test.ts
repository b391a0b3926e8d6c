import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../contract/index.ts';
import { queryBuilder } from '../../store/index.ts';
import type { Store } from '../../store/index.ts';
import { manualClock, openPlace, type Place } from '../../vault/vault.fixture.ts';
import { sealedVersion } from '../../vault/index.ts';
import { AccessKeyStore, scopeAllows } from '../index.ts';
import type { AccessUse, NewAccessKey } from '../index.ts';
import { newKeyPair } from './key-pair.ts';

let clock: ReturnType<typeof manualClock>;
let place: Place;
let keys: AccessKeyStore;

before(async () => {
  place = await openPlace();
});

after(() => place.close());

beforeEach(async () => {
  await place.store.commit([queryBuilder('sqlite').deleteFrom('access_keys').compile()]);
  clock = manualClock();
  keys = await AccessKeyStore.open({ store: place.store, vault: place.vault, clock });
});

function wanted(more: Partial<NewAccessKey> = {}): NewAccessKey {
  return {
    project: 'default',
    name: 'camera',
    buckets: ['photos'],
    prefix: 'in/',
    can: ['put', 'get'],
    expiresAt: null,
    ...more,
  };
}

/** Makes a key and returns its id. */
async function make(more: Partial<NewAccessKey> = {}): Promise<string> {
  return (await keys.create(wanted(more))).info.id;
}

function open(store: Store = place.store, isShared = false): Promise<AccessKeyStore> {
  return AccessKeyStore.open({ store, vault: place.vault, clock, isShared });
}

const upload: AccessUse = { operation: 'put', bucket: 'photos', key: 'in/cat.png' };

describe('access keys', () => {
  it('have ids and secrets of the forms that clients of S3 know', () => {
    const { id, secret } = newKeyPair();
    assert.match(id, /^CORDON[A-Z2-7]{14}$/);
    assert.match(secret.reveal(), /^[A-Za-z0-9+/]{40}$/);
    assert.notEqual(newKeyPair().id, id);
    assert.equal(JSON.stringify({ secret }), '{"secret":"[redacted]"}');
  });

  it('are found with their secrets by a store that is opened later', async () => {
    const { info, secret } = await keys.create(wanted());
    const found = await (await open()).find(info.id);
    assert.equal(found?.secret.reveal(), secret.reveal());
    assert.deepEqual(found?.buckets, ['photos']);
    assert.equal(await keys.find('CORDON00000000000000'), null);
    assert.equal(await keys.find('constructor'), null);
  });

  it('are kept with their secrets sealed', async () => {
    const { info, secret } = await keys.create(wanted());
    const [row] = await place.store.query<{ secret: Uint8Array }>(
      queryBuilder('sqlite').selectFrom('access_keys').select('secret').where('id', '=', info.id).compile(),
    );
    assert.ok(row !== undefined && !Buffer.from(row.secret).includes(secret.reveal()));
    for (const file of [place.storePath, `${place.storePath}-wal`])
      assert.ok(!readFileSync(file).includes(secret.reveal()), file);
  });

  it('open nowhere else: the sealed secret of another key is no use', async () => {
    const one = await make();
    const other = await make();
    const db = queryBuilder('sqlite');
    const select = db.selectFrom('access_keys').select('secret').where('id', '=', other).compile();
    const [row] = await place.store.query<{ secret: Uint8Array }>(select);
    assert.ok(row);
    const swap = db.updateTable('access_keys').set({ secret: row.secret }).where('id', '=', one);
    await place.store.commit([swap.compile()]);
    const later = await open();
    await assert.rejects(later.find(one), { code: 'CORDON_SEAL_BROKEN' });
    assert.equal((await later.find(other))?.id, other);
  });

  it('rotate with the data keys of their project', async () => {
    const id = await make();
    const before = (await keys.find(id))?.secret.reveal();
    const version = await place.vault.rotateDataKey('default');
    const [progress] = await place.vault.reseal('default', [keys.place]);
    assert.equal(progress?.rewritten, 1);
    const [row] = await place.store.query<{ secret: Uint8Array }>(
      queryBuilder('sqlite').selectFrom('access_keys').select('secret').where('id', '=', id).compile(),
    );
    assert.equal(row && sealedVersion(row.secret), version);
    assert.equal((await (await open()).find(id))?.secret.reveal(), before);
  });

  it('are refused from the moment that they are revoked, also where the store then fails', async () => {
    const id = await make();
    assert.ok(keys.allows({ id }, upload));
    const revoking = keys.revoke('default', id);
    assert.equal(await keys.find(id), null);
    assert.ok(!keys.allows({ id }, upload));
    await revoking;
    await assert.rejects(keys.revoke('default', id), { code: 'CORDON_ACCESS_KEY_UNKNOWN' });
    const failing: Store = {
      ...bound(place.store),
      commit: () => Promise.reject(new Error('the disk is full')),
    };
    const kept = await make();
    const broken = await open(failing);
    await assert.rejects(broken.revoke('default', kept), /disk is full/);
    await broken.refresh();
    assert.equal(await broken.find(kept), null);
  });

  it('are refused when they are revoked while their secrets are opened', async () => {
    const id = await make();
    const revoking: Promise<unknown>[] = [];
    const slow: Store = {
      ...bound(place.store),
      async query(statement) {
        const rows = await place.store.query(statement);
        if (statement.sql.includes('"secret"')) revoking.push(later.revoke('default', id));
        return rows as never;
      },
    };
    const later = await open(slow);
    assert.equal(await later.find(id), null);
    assert.equal((await Promise.all(revoking)).length, 1);
  });

  it('are refused on another node within a second of their revocation', async () => {
    assert.ok(LIMITS.apiKeyPollMs.value <= 1000);
    const id = await make();
    const other = await open(place.store, true);
    assert.ok(await other.find(id));
    await keys.revoke('default', id);
    await other.refresh();
    assert.equal(await other.find(id), null);
    assert.deepEqual(other.list('default'), []);
    await other.close();
  });

  it('end at their time', async () => {
    const id = await make({ expiresAt: clock.now() + 1000 });
    clock.move(999);
    assert.ok(await keys.find(id));
    assert.ok(keys.allows({ id }, upload));
    clock.move(1);
    assert.equal(await keys.find(id), null);
    assert.ok(!keys.allows({ id }, upload));
    await assert.rejects(make({ expiresAt: clock.now() }), { code: 'CORDON_ACCESS_KEY_INVALID' });
  });

  it('tell when they were last used, also after a restart', async () => {
    const id = await make();
    await keys.find(id);
    assert.equal(keys.list('default')[0]?.usedAt, null, 'who claims a key has not used it');
    clock.move(5);
    keys.allows({ id }, upload);
    assert.equal(keys.list('default')[0]?.usedAt, clock.now());
    await keys.flush();
    assert.equal((await open()).list('default')[0]?.usedAt, clock.now());
  });

  it('are not shown to another project, nor revoked by it', async () => {
    const id = await make();
    assert.deepEqual(keys.list('other'), []);
    await assert.rejects(keys.revoke('other', id), { code: 'CORDON_ACCESS_KEY_UNKNOWN' });
    assert.ok(await keys.find(id));
  });

  it('are made up to each limit, and not one past it', async () => {
    const buckets = (count: number) => Array.from({ length: count }, (_, at) => `b${at}`);
    const limits: readonly (readonly [number, (size: number) => Partial<NewAccessKey>])[] = [
      [LIMITS.accessKeyNameBytesMax.value, (size) => ({ name: 'n'.repeat(size) })],
      [LIMITS.bucketKeyBytesMax.value, (size) => ({ prefix: 'p'.repeat(size) })],
      [LIMITS.accessKeyBucketsMax.value, (size) => ({ buckets: buckets(size) })],
    ];
    for (const [most, more] of limits) {
      await make(more(most));
      await assert.rejects(make(more(most + 1)), { code: 'CORDON_ACCESS_KEY_INVALID' });
    }
    for (const more of [{ buckets: [] }, { can: [] }, { name: '' }, { buckets: ['*'] }, { prefix: '\ud800' }])
      await assert.rejects(make(more), { code: 'CORDON_ACCESS_KEY_INVALID' }, JSON.stringify(more));
  });

  it('are at most so many in a project', async () => {
    const most = LIMITS.accessKeysMax.value;
    const db = queryBuilder('sqlite');
    const rows = Array.from({ length: most - 1 }, (_, at) => ({
      id: `CORDON${at}`,
      project: 'default',
      name: 'n',
      secret: new Uint8Array(1),
      scope: JSON.stringify({ buckets: ['b'], prefix: '', can: ['get'] }),
      created_at: 1,
      expires_at: null,
      used_at: null,
    }));
    await place.store.commit(rows.map((row) => db.insertInto('access_keys').values(row).compile()));
    keys = await open();
    await make();
    await assert.rejects(make(), { code: 'CORDON_ACCESS_KEY_INVALID' });
    await make({ project: 'other' });
  });
});

describe('the scope of a key', () => {
  const scope = { buckets: ['photos', 'films'], prefix: 'in/', can: ['get', 'list'] as const };

  it('lets do what it names', () => {
    assert.ok(scopeAllows(scope, { operation: 'get', bucket: 'films', key: 'in/a' }));
    assert.ok(scopeAllows(scope, { operation: 'list', bucket: 'photos', prefix: 'in/' }));
    assert.ok(scopeAllows(scope, { operation: 'list', bucket: 'photos', prefix: 'in/2026/' }));
  });

  const refused: readonly AccessUse[] = [
    { operation: 'put', bucket: 'photos', key: 'in/a' },
    { operation: 'delete', bucket: 'photos', key: 'in/a' },
    { operation: 'get', bucket: 'private', key: 'in/a' },
    { operation: 'get', bucket: 'photos', key: 'out/a' },
    { operation: 'get', bucket: 'photos', key: 'in' },
    { operation: 'get', bucket: 'photos', key: 'IN/a' },
    { operation: 'get', bucket: 'photos', key: 'a/in/a' },
    { operation: 'get', bucket: 'photos' },
    { operation: 'list', bucket: 'photos' },
    { operation: 'list', bucket: 'photos', prefix: '' },
    { operation: 'list', bucket: 'photos', prefix: 'in' },
    { operation: 'list', bucket: 'photos', prefix: 'in/', key: 'out/a' },
  ];
  for (const use of refused)
    it(`lets nobody ${JSON.stringify(use)}`, () => assert.ok(!scopeAllows(scope, use)));

  it('never lets reach a key that does not start with its prefix', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 5 });
    fc.assert(
      fc.property(text, text, (prefix, key) => {
        const use = { operation: 'get', bucket: 'photos', key } as const;
        assert.equal(scopeAllows({ ...scope, prefix }, use), key.startsWith(prefix));
      }),
    );
  });
});

/** The methods of a store, to be replaced one by one. */
function bound(store: Store): Store {
  return {
    dialect: store.dialect,
    query: (statement) => store.query(statement),
    commit: (writes) => store.commit(writes),
    scrub: () => store.scrub(),
    close: () => store.close(),
  };
}
