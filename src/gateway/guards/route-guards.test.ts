import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { LIMITS, systemClock } from '../../contract/index.ts';
import { SystemResolver } from '../../egress/index.ts';
import { ApiKeyStore, EndedSessions, FailureCounter, KeySets } from '../../identity/index.ts';
import { parseManifest, withFiles } from '../../manifest/index.ts';
import type { Manifest } from '../../manifest/index.ts';
import type { ResourceLookup } from '../../policy/index.ts';
import { MemoryCounters } from '../../rate/index.ts';
import { makeAuthority } from '../../identity/mtls/certificates.fixture.ts';
import { openPlace } from '../../vault/vault.fixture.ts';
import type { Place } from '../../vault/vault.fixture.ts';
import { Authenticators } from './authenticators.ts';
import { answers, appOf, memoryEvidence, urlOf, withGateway } from '../gateway.fixture.ts';
import type { Harness } from '../gateway.fixture.ts';
import { seenOf, until } from './guards.fixture.ts';
import { RouteGuards } from './route-guards.ts';

const KEYS = { apiKey: { partners: { scopes: ['read', 'write'] } } };
const MACHINES = { mtls: { machines: { ca: 'ca.pem' } } };
const OWNER_ALONE =
  'permit (principal, action, resource is Order) when { resource has owner && resource.owner == "acme" };';
const ORDER = {
  type: 'Order',
  id: '{params.id}',
  attributes: { owner: 'string' },
  from: { kv: 'orders', key: '{params.id}' },
};
const ROUTES = {
  keyed: { path: '/keyed', auth: { apiKey: 'partners', scopes: ['read'] } },
  order: {
    path: '/orders/:id',
    auth: { apiKey: 'partners' },
    allow: { policies: 'orders.cedar', resource: ORDER },
  },
  machine: { path: '/machine', auth: { mtls: 'machines' } },
  body: { path: '/body', auth: 'public', methods: ['POST'], body: 'order.json' },
  open: { path: '/open', auth: 'public' },
} as const;

let place: Place;
let apiKeys: ApiKeyStore;
let ended: EndedSessions;

before(async () => {
  place = await openPlace();
  apiKeys = await ApiKeyStore.open({ store: place.store, clock: systemClock });
  ended = await EndedSessions.open({ store: place.store, project: 'default', clock: systemClock });
});

after(async () => {
  await apiKeys.close();
  await place.close();
});

function manifestWith(
  routes: readonly object[],
  files: Readonly<Record<string, string>> = {},
  auth: object = KEYS,
): Manifest {
  const text = JSON.stringify({ name: 'shop', auth, functions: { main: { entry: 'main.ts', routes } } });
  return withFiles(parseManifest(text), files);
}

/** Everything of it is real but what is looked up. */
function guardsWith(lookup: ResourceLookup = () => null): {
  guards: RouteGuards;
  evidence: ReturnType<typeof memoryEvidence>;
} {
  const clock = systemClock;
  const resolver = new SystemResolver();
  const evidence = memoryEvidence();
  const authenticators = new Authenticators({
    project: 'default',
    apiKeys,
    ended,
    vault: place.vault,
    resolver,
    keySets: new KeySets({ resolver, clock }),
    secret: () => Promise.resolve(null),
    clock,
  });
  const guards = new RouteGuards({
    project: 'default',
    authenticators,
    failures: new FailureCounter(clock),
    counters: new MemoryCounters({ clock }),
    lookup,
    evidence: evidence.evidence,
    clock,
  });
  return { guards, evidence };
}

async function serving(
  manifest: Manifest,
  run: (harness: Harness, evidence: ReturnType<typeof memoryEvidence>) => Promise<void>,
  lookup?: ResourceLookup,
): Promise<void> {
  const { guards, evidence } = guardsWith(lookup);
  const app = appOf(manifest);
  guards.retain([app.live]);
  const options = { apps: [app], guards };
  await withGateway(answers('in'), (harness) => run(harness, evidence), options);
  guards.retain([]);
}

async function newKey(scopes: readonly string[], expiresAt: number | null = null) {
  const wanted = { project: 'default', app: 'shop', authenticator: 'partners', name: 'acme' };
  const { info, key } = await apiKeys.create({ ...wanted, scopes, expiresAt });
  return { id: info.id, text: key.reveal() };
}

const ask = (harness: Harness, path: string, key: string | null) =>
  fetch(urlOf(harness, path), { headers: key === null ? {} : { authorization: `Bearer ${key}` } });

describe('a route with API keys', () => {
  it('lets in keys with its scopes, and refuses all other callers in one way', async () => {
    await serving(manifestWith([ROUTES.keyed]), async (harness) => {
      const good = await newKey(['read']);
      assert.equal((await ask(harness, '/keyed', good.text)).status, 200);
      assert.equal((await ask(harness, '/keyed', (await newKey(['write'])).text)).status, 403);
      const revoked = await newKey(['read']);
      assert.equal((await ask(harness, '/keyed', revoked.text)).status, 200);
      await apiKeys.revoke('default', revoked.id);
      const expiresAt = systemClock.now() + 5;
      const expired = await newKey(['read'], expiresAt);
      const wrong = `${good.text.slice(0, -1)}${good.text.endsWith('A') ? 'B' : 'A'}`;
      await until(() => systemClock.now() > expiresAt);
      const seen = new Set<string>();
      for (const text of [null, '', 'nonsense', wrong, revoked.text, expired.text]) {
        const refused = await ask(harness, '/keyed', text);
        assert.equal(refused.status, 401, String(text));
        seen.add(await seenOf(refused));
      }
      assert.equal(seen.size, 1, [...seen].join('\n'));
      assert.equal(harness.invocations.length, 2);
    });
  });

  it('is closed to a source that fails too often, but for keys that are known', async () => {
    await serving(manifestWith([ROUTES.keyed]), async (harness, { events }) => {
      const known = await newKey(['read']);
      const guess = `${known.text.slice(0, -6)}aaaaaa`;
      const most = LIMITS.authFailuresPerSourceMax.value;
      for (let i = 0; i <= most; i += 1) {
        const refused = await ask(harness, '/keyed', guess);
        assert.equal(refused.status, 401, String(i));
        await refused.body?.cancel();
      }
      const blocked = await ask(harness, '/keyed', guess);
      assert.equal(blocked.status, 429);
      assert.match(blocked.headers.get('retry-after') ?? '', /^\d+$/);
      await blocked.body?.cancel();
      assert.ok(events.some(({ kind }) => kind === 'auth.stuffing'));
      assert.equal((await ask(harness, '/keyed', known.text)).status, 200);
    });
  });
});

describe('a route with policies', () => {
  const manifest = manifestWith([ROUTES.order], { 'orders.cedar': OWNER_ALONE });

  it('lets through what they allow about what is looked up, and nothing else', async () => {
    const stored: Record<string, unknown> = { own: { owner: 'acme' }, other: { owner: 'eve' }, text: 'acme' };
    const lookup: ResourceLookup = (_store, key) => {
      if (key === 'throws') throw new Error('secret detail');
      if (key === 'rejects') return Promise.reject(new Error('secret detail'));
      return Promise.resolve(stored[key]);
    };
    await serving(
      manifest,
      async (harness) => {
        const { text } = await newKey([]);
        for (const [id, status] of [
          ['own', 200],
          ['other', 403],
          ['absent', 403],
          ['text', 403],
          ['throws', 403],
          ['rejects', 403],
        ] as const) {
          const answer = await ask(harness, `/orders/${id}`, text);
          assert.equal(answer.status, status, id);
          assert.ok(!(await answer.text()).includes('secret'));
        }
        assert.equal(harness.invocations.length, 1);
      },
      lookup,
    );
  });

  it('that cannot be compiled denies everybody, as its deploy should have', async () => {
    const broken = manifestWith([ROUTES.order, ROUTES.open], { 'orders.cedar': 'permit (nonsense' });
    await serving(
      broken,
      async (harness) => {
        const { text } = await newKey([]);
        assert.equal((await ask(harness, '/orders/own', text)).status, 403);
        assert.equal((await ask(harness, '/open', null)).status, 200);
      },
      () => ({ owner: 'acme' }),
    );
  });
});

describe('what cannot be made ready', () => {
  it('refuses its route, with an authority that is no certificate', async () => {
    const manifest = manifestWith([ROUTES.machine, ROUTES.open], { 'ca.pem': 'no certificate' }, MACHINES);
    await serving(manifest, async (harness) => {
      assert.equal((await ask(harness, '/machine', null)).status, 401);
      assert.equal((await ask(harness, '/open', null)).status, 200);
      assert.equal(harness.invocations.length, 1);
    });
  });

  it('refuses its route, with a schema that is not there', async () => {
    await serving(manifestWith([ROUTES.body, ROUTES.open]), async (harness) => {
      const headers = { 'content-type': 'application/json' };
      const refused = await fetch(urlOf(harness, '/body'), { method: 'POST', headers, body: '{}' });
      assert.equal(refused.status, 500);
      assert.equal((await ask(harness, '/open', null)).status, 200);
      assert.equal(harness.invocations.length, 1);
    });
  });

  it('refuses its route, with an issuer that is out of reach, and lets in nobody', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const issuer = `http://127.0.0.1:${port}`;
    const auth = { jwt: { customers: { issuer, audience: 'shop', unsafePrivate: true } } };
    const route = { path: '/token', auth: { jwt: 'customers' } };
    await serving(manifestWith([route, ROUTES.open], {}, auth), async (harness) => {
      const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
      const claims = { iss: issuer, aud: 'shop', sub: 'ada', exp: Math.floor(Date.now() / 1000) + 60 };
      const token = `${part({ alg: 'EdDSA', kid: 'one' })}.${part(claims)}.${Buffer.alloc(64).toString('base64url')}`;
      const seen = new Set<string>();
      for (const shown of [token, null]) {
        const refused = await ask(harness, '/token', shown);
        assert.equal(refused.status, 401);
        seen.add(await seenOf(refused));
      }
      assert.equal(seen.size, 1);
      assert.equal((await ask(harness, '/open', null)).status, 200);
      assert.equal(harness.invocations.length, 1);
    });
  });
});

describe('the check of a deploy', () => {
  const cases: [string, Manifest, string][] = [
    [
      'an authority that is no certificate',
      manifestWith([ROUTES.machine], { 'ca.pem': 'x' }, MACHINES),
      'CORDON_AUTH_INVALID',
    ],
    ['an authority that is not there', manifestWith([ROUTES.machine], {}, MACHINES), 'CORDON_AUTH_INVALID'],
    [
      'policies that cannot be read',
      manifestWith([ROUTES.order], { 'orders.cedar': 'permit (nonsense' }),
      'CORDON_POLICY_INVALID',
    ],
    [
      'policies about what nothing has',
      manifestWith([ROUTES.order], { 'orders.cedar': OWNER_ALONE.replaceAll('owner', 'nobody') }),
      'CORDON_POLICY_INVALID',
    ],
    [
      'a schema that is none',
      manifestWith([ROUTES.body], { 'order.json': '{"type":"nonsense"}' }),
      'CORDON_SCHEMA_INVALID',
    ],
    [
      'a schema that takes more work than a request is worth',
      manifestWith([ROUTES.body], { 'order.json': '{"type":"string","pattern":"(?:a{1,900}){1,900}"}' }),
      'CORDON_SCHEMA_INVALID',
    ],
    ['a schema that is not there', manifestWith([ROUTES.body]), 'CORDON_MANIFEST_FILE'],
  ];
  for (const [what, manifest, code] of cases) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(guardsWith().guards.check(manifest), { code });
    });
  }

  it('refuses an authority that has expired, and passes one that has not', async () => {
    const authority = async (notAfter: Date): Promise<Manifest> =>
      manifestWith([ROUTES.machine], { 'ca.pem': (await makeAuthority({ notAfter })).pem }, MACHINES);
    const expired = await authority(new Date(Date.now() - 1000));
    await assert.rejects(guardsWith().guards.check(expired), { code: 'CORDON_AUTH_INVALID' });
    assert.deepEqual(await guardsWith().guards.check(await authority(new Date(Date.now() + 60_000))), []);
  });

  it('passes what can work', async () => {
    const files = { 'orders.cedar': OWNER_ALONE, 'order.json': '{"type":"string","pattern":"a{1,900}"}' };
    const manifest = manifestWith([ROUTES.keyed, ROUTES.order, ROUTES.body], files);
    assert.deepEqual(await guardsWith().guards.check(manifest), []);
  });
});
