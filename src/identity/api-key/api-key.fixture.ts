import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach } from 'node:test';
import { openSqliteStore, queryBuilder, type Store } from '../../store/index.ts';
import { manualClock, type ManualClock } from '../clock.fixture.ts';
import { showing } from '../jwt/issuer.fixture.ts';
import type { KnownCaller } from '../port.ts';
import { ApiKeyAuthenticator, type ApiKeyAuthenticatorOptions } from './api-key-authenticator.ts';
import { ApiKeyStore, type NewApiKey } from './api-key-store.ts';

export interface KeyPlace {
  folder: string;
  store: Store;
  clock: ManualClock;
  /** Without any key, new for each test. */
  keys: ApiKeyStore;
  authenticator: ApiKeyAuthenticator;
  readonly make: (more?: Partial<ApiKeyAuthenticatorOptions>) => ApiKeyAuthenticator;
  readonly wanted: (more?: Partial<NewApiKey>) => NewApiKey;
  readonly create: (more?: Partial<NewApiKey>) => Promise<{ id: string; text: string }>;
  /** The reason, or `accepted`. */
  readonly judge: (text: string, by?: ApiKeyAuthenticator) => string;
  readonly callerOf: (text: string, by?: ApiKeyAuthenticator) => KnownCaller;
}

/** A store of keys for each test of a file, and an authenticator of the app `shop` with its keys. */
export function useKeys(): KeyPlace {
  const place = {} as KeyPlace;
  before(async () => {
    place.folder = await mkdtemp(join(tmpdir(), 'cordon-keys-'));
    place.store = await openSqliteStore({ path: join(place.folder, 'store.db') });
  });
  after(async () => {
    await place.store.close();
    await rm(place.folder, { recursive: true });
  });
  beforeEach(async () => {
    const { store } = place;
    await store.commit([queryBuilder('sqlite').deleteFrom('api_keys').compile()]);
    place.clock = manualClock();
    place.keys = await ApiKeyStore.open({ store, clock: place.clock });
    place.authenticator = make();
  });

  const make: KeyPlace['make'] = (more = {}) => {
    const spec = { scopes: ['read', 'write'] };
    const { keys } = place;
    return new ApiKeyAuthenticator({
      name: 'partners',
      spec,
      project: 'default',
      app: 'shop',
      keys,
      ...more,
    });
  };
  const wanted: KeyPlace['wanted'] = (more = {}) => ({
    project: 'default',
    app: 'shop',
    authenticator: 'partners',
    name: 'of Ada',
    scopes: ['read'],
    expiresAt: null,
    ...more,
  });
  return Object.assign(place, {
    make,
    wanted,
    async create(more: Partial<NewApiKey> = {}): Promise<{ id: string; text: string }> {
      const { info, key } = await place.keys.create(wanted(more));
      return { id: info.id, text: key.reveal() };
    },
    judge(text: string, by = place.authenticator): string {
      const verdict = by.authenticate(showing(`Bearer ${text}`));
      return verdict.ok ? 'accepted' : verdict.reason;
    },
    callerOf(text: string, by = place.authenticator): KnownCaller {
      const verdict = by.authenticate(showing(`Bearer ${text}`));
      assert.ok(verdict.ok);
      return verdict.caller;
    },
  });
}
