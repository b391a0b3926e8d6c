import assert from 'node:assert/strict';
import { CordonError } from '../contract/index.ts';
import type { KnownCaller } from '../identity/port.ts';
import { parseManifest, withFiles, type Manifest } from '../manifest/index.ts';
import { compilePolicies, type PolicyProblem, type PolicyRequest, type PolicySets } from './index.ts';
import { validatePolicies } from './validate.ts';

export const FILE = 'policies/orders.cedar';

const AUTH = {
  jwt: {
    customers: {
      issuer: 'https://issuer.example',
      audience: 'shop',
      claims: { level: 'integer', roles: 'strings', verified: 'boolean', team: 'string' },
    },
  },
  oidc: { staff: { issuer: 'https://issuer.example', clientId: 'shop', claims: { team: 'string' } } },
  apiKey: { partners: { scopes: ['orders:read', 'orders:write'] } },
  mtls: { machines: { ca: 'ca.pem' } },
  webhook: { hooks: { scheme: 'github', secrets: ['HOOK'] } },
};

export const ORDER = {
  type: 'Order',
  id: '{params.id}',
  attributes: { owner: 'string', amount: 'integer', tags: 'strings', locked: 'boolean' },
  from: { kv: 'orders', key: 'order/{params.id}' },
};

export const ORDERS_ROUTE = {
  path: '/orders/:id',
  methods: ['GET', 'PUT', 'DELETE'],
  auth: { jwt: 'customers' },
  allow: { policies: FILE, resource: ORDER },
};

/** The manifest of an app with one function `orders`, with the texts of its files. */
export function manifestOf(
  files: Readonly<Record<string, string>> | string,
  routes: readonly object[] = [ORDERS_ROUTE],
  auth: object = AUTH,
): Manifest {
  const text = JSON.stringify({ name: 'shop', auth, functions: { orders: { entry: 'orders.ts', routes } } });
  return withFiles(parseManifest(text), typeof files === 'string' ? { [FILE]: files } : files);
}

/** What a manifest is refused with. */
export function refusalOf(manifest: Manifest): { error: CordonError; problems: PolicyProblem[] } {
  try {
    validatePolicies(manifest);
  } catch (thrown) {
    assert.ok(thrown instanceof CordonError);
    assert.equal(thrown.code, 'CORDON_POLICY_INVALID');
    return { error: thrown, problems: thrown.details['problems'] as PolicyProblem[] };
  }
  throw new assert.AssertionError({ message: 'It was expected to be refused.' });
}

/** A user as the authenticator `jwt:customers` vouches for one. */
export function userOf(subject: string, rest: Partial<KnownCaller> = {}): KnownCaller {
  return {
    kind: 'user',
    authenticator: 'jwt:customers',
    subject,
    credential: 'token',
    scopes: [],
    claims: {},
    expiresAt: null,
    ...rest,
  };
}

/** A request of ana for her order 17, on the first route. */
export function requestOf(manifest: Manifest, rest: Partial<PolicyRequest> = {}): PolicyRequest {
  const route = manifest.functions[0]?.routes[0];
  assert.ok(route !== undefined);
  return {
    route,
    method: 'GET',
    params: { id: '17' },
    path: '/orders/17',
    caller: userOf('ana'),
    address: '192.0.2.7',
    secure: true,
    now: 1_700_000_000_500,
    resource: { owner: 'ana', amount: 5, tags: ['new'], locked: false },
    ...rest,
  };
}

/** Validates, compiles, and closes when the test ends. */
export function compiled(manifest: Manifest, context: { after(done: () => void): void }): PolicySets {
  validatePolicies(manifest);
  const sets = compilePolicies(manifest);
  context.after(() => sets.close());
  return sets;
}
