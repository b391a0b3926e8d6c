import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import { queryBuilder, type Store } from '../../store/index.ts';
import { REASONS } from '../reasons.ts';
import { showing } from '../jwt/issuer.fixture.ts';
import { useKeys } from './api-key.fixture.ts';
import { ApiKeyStore, type NewApiKey } from './api-key-store.ts';
import { keyIdIn, newKey } from './key-text.ts';

const place = useKeys();
const { make, wanted, create, judge, callerOf } = place;

describe('an API key', () => {
  it('is accepted in either field, at once, and says who calls', async () => {
    const { id, text } = await create({ scopes: ['read', 'write', 'read'] });
    assert.match(text, /^cordon_[0-9a-z]{8}_[0-9A-Za-z]{49}$/);
    assert.deepEqual(callerOf(text), {
      kind: 'key',
      authenticator: 'apiKey:partners',
      subject: id,
      credential: id,
      scopes: ['read', 'write'],
      claims: {},
      expiresAt: null,
    });
    assert.equal(place.authenticator.authenticate(showing(null, { 'x-api-key': text })).ok, true);
    assert.equal(place.authenticator.authenticate(showing(`bearer  ${text}`)).ok, true);
    assert.equal(place.authenticator.known(showing(`Bearer ${text}`)).ok, true);
  });

  it('has only the scopes that the manifest still lists', async () => {
    const { text } = await create({ scopes: ['read', 'write', 'admin'] });
    assert.deepEqual(callerOf(text).scopes, ['read', 'write']);
    assert.deepEqual(callerOf(text, make({ spec: { scopes: [] } })).scopes, []);
  });

  it('is random, and has 256 bits', () => {
    const made = Array.from({ length: 300 }, () => newKey());
    assert.equal(new Set(made.map(({ id }) => id)).size, 300);
    const seen = new Set(made.flatMap(({ key }) => key.reveal().slice(16, 59).split('')));
    assert.equal(seen.size, 62);
    assert.ok(43 * Math.log2(62) > 256);
    for (const { id, key } of made) assert.equal(keyIdIn(key.reveal()), id);
  });

  it('is stored as a digest alone', async () => {
    const { text } = await create();
    const secret = text.slice(16, 59);
    for (const suffix of ['', '-wal'])
      assert.equal(readFileSync(join(place.folder, `store.db${suffix}`)).includes(secret), false);
    assert.equal(JSON.stringify(place.keys.list('default')).includes(secret), false);
    assert.equal(String((await place.keys.create(wanted())).key), '[redacted]');
  });

  it('ends when it expires, and is current until then', async () => {
    const { text } = await create({ expiresAt: place.clock.now() + 1000 });
    const caller = callerOf(text);
    assert.equal(caller.expiresAt, place.clock.now() + 1000);
    place.clock.move(999);
    assert.equal(judge(text), 'accepted');
    assert.equal(place.authenticator.isCurrent(caller), true);
    place.clock.move(1);
    assert.equal(judge(text), REASONS.expired);
    assert.equal(place.authenticator.isCurrent(caller), false);
  });

  it('is refused from the moment it is revoked, before the store has it', async () => {
    const { id, text } = await create();
    const { text: other } = await create();
    const caller = callerOf(text);
    const revoking = place.keys.revoke('default', id);
    assert.equal(judge(text), 'there is no such key');
    assert.equal(place.authenticator.isCurrent(caller), false);
    await revoking;
    assert.equal(judge(other), 'accepted');
    assert.equal(
      (await ApiKeyStore.open({ store: place.store, clock: place.clock })).list('default').length,
      1,
    );
    await assert.rejects(place.keys.revoke('default', id), { code: 'CORDON_API_KEY_UNKNOWN' });
  });

  it('is not revoked by another project', async () => {
    const { id, text } = await create();
    await assert.rejects(place.keys.revoke('other', id), { code: 'CORDON_API_KEY_UNKNOWN' });
    assert.equal(judge(text), 'accepted');
  });

  it('stays refused where the store cannot forget it', async () => {
    let fails = false;
    const failing: Store = {
      dialect: place.store.dialect,
      query: (statement) => place.store.query(statement),
      commit: (writes) => (fails ? Promise.reject(new Error('disk')) : place.store.commit(writes)),
      scrub: () => place.store.scrub(),
      close: () => place.store.close(),
    };
    place.keys = await ApiKeyStore.open({ store: failing, clock: place.clock });
    place.authenticator = make();
    const { id, text } = await create();
    fails = true;
    await assert.rejects(place.keys.revoke('default', id), /disk/);
    assert.equal(judge(text), 'there is no such key');
    await assert.rejects(place.keys.create(wanted()), /disk/);
    assert.equal(judge(text), 'there is no such key');
  });

  it('of another node is known once it was read, and revoked likewise', async () => {
    const other = await ApiKeyStore.open({ store: place.store, clock: place.clock });
    const { id, text } = await create();
    const there = make({ keys: other });
    assert.equal(judge(text, there), 'there is no such key');
    await other.refresh();
    assert.equal(judge(text, there), 'accepted');
    await place.keys.revoke('default', id);
    await other.refresh();
    assert.equal(judge(text, there), 'there is no such key');
  });

  it('of another node is read by itself where the store is shared', async () => {
    const other = await ApiKeyStore.open({ store: place.store, clock: place.clock, isShared: true });
    const { text } = await create();
    const there = make({ keys: other });
    while (judge(text, there) !== 'accepted') await new Promise((resolve) => setTimeout(resolve, 20));
    await other.close();
  });

  it('is there after a restart, with when it was used', async () => {
    const { id, text } = await create({ expiresAt: place.clock.now() + 10_000 });
    assert.equal(place.keys.list('default')[0]?.usedAt, null);
    place.clock.move(5);
    judge(text);
    assert.equal(place.keys.list('default')[0]?.usedAt, place.clock.now());
    assert.equal(
      (await ApiKeyStore.open({ store: place.store, clock: place.clock })).list('default')[0]?.usedAt,
      null,
    );
    await place.keys.close();
    const again = await ApiKeyStore.open({ store: place.store, clock: place.clock });
    assert.deepEqual(again.list('default', 'shop'), place.keys.list('default'));
    assert.equal(again.list('default')[0]?.id, id);
    assert.deepEqual(again.list('default', 'other'), []);
    assert.deepEqual(again.list('other'), []);
    assert.equal(judge(text, make({ keys: again })), 'accepted');
  });
});

it('the id that is claimed is the key’s, and none where the text is no key', async () => {
  const { id, text } = await create();
  assert.equal(place.authenticator.claimed(showing(`Bearer ${text}`)), id);
  assert.equal(place.authenticator.claimed(showing(null, { 'x-api-key': text })), id);
  assert.equal(place.authenticator.claimed(showing(`Bearer ${text}x`)), null);
  assert.equal(place.authenticator.claimed(showing(null)), null);
});

it('the use of a key is written once a minute, and again where the store failed', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  let commits = 0;
  let fails = false;
  const { store, clock } = place;
  const watched: Store = {
    dialect: store.dialect,
    query: (statement) => store.query(statement),
    commit(writes) {
      commits += 1;
      return fails ? Promise.reject(new Error('disk')) : store.commit(writes);
    },
    scrub: () => store.scrub(),
    close: () => store.close(),
  };
  place.keys = await ApiKeyStore.open({ store: watched, clock });
  place.authenticator = make();
  const { text } = await create();
  commits = 0;
  for (let index = 0; index < 100; index += 1) judge(text);
  context.mock.timers.tick(LIMITS.apiKeyUseWriteMs.value - 1);
  assert.equal(commits, 0);
  fails = true;
  context.mock.timers.tick(1);
  assert.equal(commits, 1);
  await new Promise((resolve) => setImmediate(resolve));
  await assert.rejects(place.keys.flush(), /disk/);
  fails = false;
  await place.keys.flush();
  const [row] = await store.query<{ used_at: number }>(
    queryBuilder('sqlite').selectFrom('api_keys').select('used_at').compile(),
  );
  assert.equal(row?.used_at, clock.now());
  await place.keys.close();
});

describe('a key is not made', () => {
  it('with a name, scopes or an end that is not usable', async () => {
    const { apiKeyNameBytesMax, apiKeyScopesMax } = LIMITS;
    const many = Array.from({ length: apiKeyScopesMax.value }, (_, index) => `s${index}`);
    await create({ name: 'é'.repeat(apiKeyNameBytesMax.value / 2), scopes: many });
    await create({ expiresAt: place.clock.now() + 1 });
    const refused: readonly Partial<NewApiKey>[] = [
      { name: '' },
      { name: 'a'.repeat(apiKeyNameBytesMax.value + 1) },
      { name: 'a\nb' },
      { name: '\ud800' },
      { scopes: [...many, 'more'] },
      { scopes: [''] },
      { scopes: ['a b'] },
      { scopes: ['a"b'] },
      { expiresAt: place.clock.now() },
      { expiresAt: 0 },
      { expiresAt: Number.NaN },
      { expiresAt: 1e300 },
      { expiresAt: Infinity },
    ];
    for (const more of refused)
      await assert.rejects(create(more), { code: 'CORDON_API_KEY_INVALID' }, JSON.stringify(more));
    assert.equal(place.keys.list('default').length, 2);
  });

  it('past the most that a project may have', async () => {
    const row = (index: number) => ({
      id: String(index).padStart(8, '0'),
      project: 'default',
      app: 'shop',
      authenticator: 'partners',
      sha256: '',
      name: 'n',
      scopes: '[]',
      created_at: 0,
      expires_at: null,
      used_at: null,
    });
    const most = LIMITS.apiKeysMax.value;
    const db = queryBuilder('sqlite');
    for (let start = 0; start < most - 1; start += 1000) {
      const rows = Array.from({ length: Math.min(1000, most - 1 - start) }, (_, index) => row(start + index));
      await place.store.commit([db.insertInto('api_keys').values(rows).compile()]);
    }
    place.keys = await ApiKeyStore.open({ store: place.store, clock: place.clock });
    await create();
    await assert.rejects(create(), { code: 'CORDON_API_KEY_INVALID' });
    await create({ project: 'other' });
  });
});
