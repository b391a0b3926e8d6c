import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policySchema, policySchemaText } from './index.ts';
import { compiled, FILE, manifestOf, ORDER, ORDERS_ROUTE, refusalOf, requestOf } from './policy.fixture.ts';

const ALL = 'permit (principal, action, resource);';

test('the schema says what policies of the app may ask for', () => {
  const text = policySchemaText(manifestOf(ALL, [{ ...ORDERS_ROUTE, methods: ['GET', 'PUT'] }]));
  assert.match(text, /entity User = \{\n {2}authenticator: String,\n {2}level\?: Long,/);
  assert.match(text, /roles\?: Set<String>,\n {2}scopes: Set<String>,\n {2}subject:/);
  assert.match(text, /entity Order = \{\n {2}amount\?: Long,\n {2}locked\?: Bool,/);
  assert.match(
    text,
    /action "GET \/orders\/:id" in \[Action::"read", Action::"orders"\] appliesTo \{\n {2}principal: \[User\],\n {2}resource: \[Order\],/,
  );
  assert.match(text, /action "PUT \/orders\/:id" in \[Action::"write", Action::"orders"\]/);
  assert.match(text, /params: \{\n {6}id: String\n {4}\}/);
  assert.match(text, /address: ipaddr/);
});

test('a route without methods has an action for each, and one without policies has none', () => {
  const routes = [
    { path: '/all', auth: 'public', allow: FILE },
    { path: '/free', auth: 'public' },
  ];
  const { actions } = policySchema(manifestOf(ALL, routes))[''];
  assert.deepEqual(Object.keys(actions).toSorted(), [
    ...['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'].map((method) => `${method} /all`),
    ...['orders', 'read', 'write'],
  ]);
  assert.deepEqual(actions['OPTIONS /all']?.memberOf, [{ id: 'read' }, { id: 'orders' }]);
  assert.equal(policySchemaText(manifestOf('', [{ path: '/free', auth: 'public' }])), '');
});

test('one claim with two types, or one attribute, is refused with both places', () => {
  const issuer = 'https://issuer.example';
  const auth = (type: string) => ({
    jwt: { a: { issuer, audience: 'x', claims: { level: 'integer' } } },
    oidc: { b: { issuer, clientId: 'x', claims: { level: type } } },
  });
  const routes = [
    { path: '/a', auth: { jwt: 'a' }, allow: FILE },
    { path: '/b', auth: { oidc: 'b' }, allow: FILE },
  ];
  const { problems } = refusalOf(manifestOf(ALL, routes, auth('string')));
  assert.deepEqual(
    problems.map(({ file, message }) => [file, message]),
    [['cordon.jsonc', 'the claim `level` is integer in auth.jwt.a and string in auth.oidc.b']],
  );
  assert.ok(policySchema(manifestOf(ALL, routes, auth('integer'))));
  const typed = (type: string) => [
    ORDERS_ROUTE,
    {
      ...ORDERS_ROUTE,
      path: '/b/:id',
      allow: { policies: FILE, resource: { ...ORDER, attributes: { owner: type } } },
    },
  ];
  assert.match(
    refusalOf(manifestOf(ALL, typed('strings'))).error.message,
    /attribute of Order `owner` is string in/,
  );
  assert.ok(policySchema(manifestOf(ALL, typed('string'))));
});

test('names that mean something else in policies are refused', () => {
  const named = (type: string) => [
    { ...ORDERS_ROUTE, allow: { policies: FILE, resource: { ...ORDER, type } } },
  ];
  for (const type of ['User', 'Operator', 'Route', 'Action', 'Set', 'String', 'Long', 'Bool'])
    assert.match(refusalOf(manifestOf(ALL, named(type))).error.message, /is taken by a type/, type);
  assert.ok(policySchema(manifestOf(ALL, named('Users'))));
  const claiming = (name: string) => ({
    jwt: { customers: { issuer: 'https://issuer.example', audience: 'x', claims: { [name]: 'strings' } } },
  });
  for (const name of ['scopes', 'subject', 'authenticator']) {
    const { error } = refusalOf(manifestOf(ALL, [ORDERS_ROUTE], claiming(name)));
    assert.match(error.message, /is taken by what every user has/);
  }
  assert.ok(policySchema(manifestOf(ALL, [ORDERS_ROUTE], claiming('scope'))));
});

test('a function cannot be called like a group of actions', () => {
  const manifest = manifestOf(ALL);
  const renamed = (name: string) => ({
    ...manifest,
    functions: manifest.functions.map((fn) => ({ ...fn, name })),
  });
  for (const name of ['read', 'write'])
    assert.match(refusalOf(renamed(name)).error.message, /is taken by a group of actions/);
  assert.ok(policySchema(renamed('reads')));
});

test('names that are keywords of Cedar, or of JavaScript, can be asked for', (t) => {
  const names = [
    'if',
    'in',
    'like',
    'principal',
    'true',
    '__cedar',
    'hasOwnProperty',
    'constructor_',
    'toString',
  ];
  const attributes = Object.fromEntries(names.map((name) => [name, 'string']));
  const condition = names.map((name) => `resource has "${name}" && resource["${name}"] == "x"`).join(' && ');
  const manifest = manifestOf(`permit (principal, action, resource) when { ${condition} };`, [
    { ...ORDERS_ROUTE, allow: { policies: FILE, resource: { ...ORDER, attributes } } },
  ]);
  const sets = compiled(manifest, t);
  const resource = Object.fromEntries(names.map((name) => [name, 'x']));
  assert.equal(sets.decide(requestOf(manifest, { resource })).outcome, 'allow');
  assert.equal(
    sets.decide(requestOf(manifest, { resource: { ...resource, toString: 'y' } })).outcome,
    'deny',
  );
  assert.equal(sets.decide(requestOf(manifest, { resource: {} })).outcome, 'deny');
});
