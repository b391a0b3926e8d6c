import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import { SystemResolver } from '../../egress/index.ts';
import { one, two, useKeySet } from './key-set.fixture.ts';
import type { KeyLookup } from './key-set.ts';
import { KeySets } from './key-sets.ts';

const COOLDOWN = LIMITS.jwksCooldownMs.value;
const LIFETIME = LIMITS.jwksLifetimeMs.value;
const REFRESH = LIMITS.jwksRefreshMs.value;
const STALE = LIMITS.jwksStaleMs.value;
const place = useKeySet();
const { remake, answerKeysWith, finds } = place;

/** Waits for what was begun in the background. */
async function settled(): Promise<void> {
  const before = place.set.health().lastSuccessAt;
  while (place.set.health().lastSuccessAt === before && place.set.health().lastFailure === null)
    await new Promise((resolve) => setImmediate(resolve));
}

function reasonOf(found: KeyLookup): string {
  return found.ok ? 'found' : found.reason;
}

describe('keys', () => {
  it('are fetched once, when they are first needed, and then found at once', async () => {
    assert.deepEqual(place.issuer.asked, []);
    const found = await Promise.all([
      place.set.find('ES256', 'one'),
      place.set.find('ES256', 'one'),
      place.set.find('ES256', null),
    ]);
    assert.equal(
      found.every(({ ok }) => ok),
      true,
    );
    assert.deepEqual(place.issuer.asked, ['/.well-known/openid-configuration', '/keys']);
    assert.ok(!(place.set.find('ES256', 'one') instanceof Promise));
    assert.deepEqual(place.set.health(), {
      lastSuccessAt: place.clock.now(),
      lastFailureAt: null,
      lastFailure: null,
      isStale: false,
      keys: 1,
      ignored: [],
    });
  });

  it('come from the URL of the manifest where it names one', async () => {
    remake({ issuer: 'https://issuer.example', jwks: `${place.issuer.url}/keys` });
    assert.equal(await finds('one'), true);
    assert.deepEqual(place.issuer.asked, ['/keys']);
  });

  it('are fetched again in the background before they are too old', async () => {
    await finds('one');
    place.clock.move(REFRESH - 1);
    assert.equal(place.set.isCurrent(), true);
    assert.equal(place.issuer.keyFetches(), 1);
    place.clock.move(1);
    assert.ok(!(place.set.find('ES256', 'one') instanceof Promise));
    await settled();
    assert.equal(place.issuer.keyFetches(), 2);
    assert.equal(place.set.version, 1);
  });

  it('are waited for when they are too old, by whichever clock', async () => {
    await finds('one');
    for (const pass of [(ms: number) => place.clock.move(ms), (ms: number) => place.clock.jump(ms)]) {
      const fetches = place.issuer.keyFetches();
      pass(LIFETIME);
      assert.equal(place.set.isCurrent(), false);
      assert.equal(await finds('one'), true);
      assert.equal(place.issuer.keyFetches(), fetches + 1);
    }
    place.clock.jump(-10 * LIFETIME);
    place.clock.move(LIFETIME);
    assert.equal(place.set.isCurrent(), false);
  });

  it('that changed are there for the first request that needs them', async () => {
    await finds('one');
    place.issuer.keys = [one.jwk, two.jwk];
    assert.equal(await finds('two'), true);
    assert.equal(place.issuer.keyFetches(), 2);
    assert.equal(place.set.version, 2);
    place.issuer.keys = [two.jwk];
    place.clock.move(LIFETIME);
    assert.equal(await finds('one'), false);
    assert.equal(await finds('two'), true);
  });

  it('that the issuer takes back all at once verify nothing', async () => {
    const found = await place.set.find('ES256', 'one');
    assert.ok(found.ok);
    assert.equal(place.set.has(found.key), true);
    place.issuer.keys = [];
    place.clock.move(LIFETIME);
    assert.equal(await finds('one'), false);
    assert.equal(place.set.has(found.key), false);
  });
});

describe('key ids that nobody has', () => {
  it('cause one fetch in each cooldown', async () => {
    await finds('one');
    for (let index = 0; index < 500; index += 1) assert.equal(await finds(`made-up-${index}`), false);
    assert.equal(place.issuer.keyFetches(), 2);
    place.clock.move(COOLDOWN - 1);
    await finds('made-up');
    assert.equal(place.issuer.keyFetches(), 2);
    place.clock.move(1);
    await finds('made-up');
    assert.equal(place.issuer.keyFetches(), 3);
    assert.equal(await finds('one'), true);
  });

  it('wait for a slow issuer in bounded number, and known ones not at all', async () => {
    await finds('one');
    const held: ServerResponse[] = [];
    answerKeysWith((response) => held.push(response));
    const most = LIMITS.jwksWaitingMax.value;
    const waiting = Array.from({ length: most }, (_, index) => place.set.find('ES256', `x${index}`));
    assert.equal(
      waiting.every((found) => found instanceof Promise),
      true,
    );
    assert.deepEqual(place.set.find('ES256', 'one-more'), {
      ok: false,
      reason: 'its key is not known',
      isPassing: false,
    });
    assert.ok(!(place.set.find('ES256', 'one') instanceof Promise));
    while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
    place.issuer.answer = null;
    held[0]?.end(JSON.stringify({ keys: [one.jwk] }));
    for (const found of waiting) assert.equal((await found).ok, false);
    place.clock.move(COOLDOWN);
    assert.ok(place.set.find('ES256', 'later') instanceof Promise);
  });
});

describe('an outage', () => {
  it('leaves the last good keys for a time, and nothing after it', async () => {
    const known = await place.set.find('ES256', 'one');
    assert.ok(known.ok);
    answerKeysWith((response) => response.writeHead(500).end());
    place.clock.move(LIFETIME);
    assert.equal(await finds('one'), true);
    assert.equal(place.set.health().isStale, true);
    // Nobody waits for an issuer that has just failed.
    assert.ok(!(place.set.find('ES256', 'one') instanceof Promise));
    assert.equal(place.set.isCurrent(), true);
    place.clock.move(STALE - LIFETIME - 1);
    assert.equal(await finds('one'), true);
    place.clock.move(1);
    assert.equal(reasonOf(await place.set.find('ES256', 'one')), 'the keys of the issuer are not there');
    assert.equal(place.set.has(known.key), false);
    assert.equal(place.set.isCurrent(), false);
    place.issuer.answer = null;
    place.clock.move(COOLDOWN);
    assert.equal(await finds('one'), true);
  });

  it('is told once, and once that it is over', async () => {
    const told: (string | null)[] = [];
    remake({ changed: ({ lastFailure }) => told.push(lastFailure === null ? null : 'failed') });
    await finds('one');
    assert.deepEqual(told, [], 'the first success is no news');
    answerKeysWith((response) => response.writeHead(500).end());
    for (let i = 0; i < 3; i += 1) {
      place.clock.move(LIFETIME);
      await finds('one');
    }
    assert.deepEqual(told, ['failed']);
    place.issuer.answer = null;
    place.clock.move(COOLDOWN);
    await finds('one');
    assert.deepEqual(told, ['failed', null]);
  });

  it('makes a key that is not known a matter of waiting', async () => {
    await finds('one');
    answerKeysWith((response) => response.writeHead(500).end());
    const found = await place.set.find('ES256', 'two');
    assert.ok(!found.ok);
    assert.equal(found.isPassing, true);
    // Also for those that do not ask, in the cooldown.
    assert.equal(reasonOf(await place.set.find('ES256', 'two')), 'the keys of the issuer are not there');
    assert.equal(await finds('one'), true);
  });
});

describe('sets in use', () => {
  it('are shared by those with the same source, until the last has closed it', async () => {
    const sets = new KeySets({ resolver: new SystemResolver(), clock: place.clock });
    const source = { issuer: place.issuer.url, jwks: null, unsafePrivate: true };
    const first = sets.open(source);
    const second = sets.open({ ...source });
    assert.equal(first, second);
    for (const other of [
      { ...source, jwks: `${place.issuer.url}/keys` },
      { ...source, unsafePrivate: false },
    ]) {
      const apart = sets.open(other);
      assert.notEqual(apart, first);
      apart.close();
    }
    assert.deepEqual(
      sets.health().map(({ issuer, lastSuccessAt }) => [issuer, lastSuccessAt]),
      [[source.issuer, null]],
    );
    first.close();
    assert.equal((await second.find('ES256', 'one')).ok, true);
    second.close();
    const anew = sets.open(source);
    assert.notEqual(anew, first);
    assert.equal((await second.find('ES256', 'two')).ok, false);
    anew.close();
  });
});
