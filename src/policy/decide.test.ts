import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import type { Caller } from '../identity/port.ts';
import { compilePolicies } from './index.ts';
import { compiled, FILE, manifestOf, ORDER, ORDERS_ROUTE, requestOf, userOf } from './policy.fixture.ts';

const OWN = `@id("own")
permit (principal is User, action, resource is Order)
when { resource has owner && resource.owner == principal.subject };
`;

const WHOLE_CONTEXT = `context == {method: "GET", path: "/orders/17", params: {id: "17"},
  address: ip("192.0.2.7"), secure: true, time: 1700000000}`;

const allowedBy = (...policies: string[]) => ({ outcome: 'allow', policies, reason: 'policy', errors: [] });
const deniedBy = (...policies: string[]) => ({ outcome: 'deny', policies, reason: 'policy', errors: [] });
const NO_POLICY = { outcome: 'deny', policies: [], reason: 'no policy', errors: [] };

test('users reach what is theirs, and nobody else does', (t) => {
  const manifest = manifestOf(OWN);
  const sets = compiled(manifest, t);
  assert.deepEqual(sets.decide(requestOf(manifest)), allowedBy('own'));
  assert.deepEqual(sets.decide(requestOf(manifest, { caller: userOf('bob') })), NO_POLICY);
  assert.deepEqual(sets.decide(requestOf(manifest, { resource: { owner: 'bob' } })), NO_POLICY);
  assert.deepEqual(sets.decide(requestOf(manifest, { resource: {} })), NO_POLICY);
});

test('a forbid wins over every permit, and its id is in the decision', (t) => {
  const manifest = manifestOf(`${OWN}
    permit (principal, action, resource);
    @id("not another one's") forbid (principal, action, resource)
    unless { resource has owner && resource.owner == principal.subject };`);
  const sets = compiled(manifest, t);
  assert.deepEqual(sets.decide(requestOf(manifest)), allowedBy('own', `${FILE}:5`));
  const denied = sets.decide(requestOf(manifest, { caller: userOf('bob') }));
  assert.deepEqual(denied, deniedBy("not another one's"));
});

test('an evaluation error denies, in a permit and in a forbid, whatever else permits', (t) => {
  const overflow = 'resource has amount && resource.amount + 9223372036854775807 > 0';
  for (const effect of ['permit', 'forbid']) {
    const manifest = manifestOf(`permit (principal, action, resource);
      @id("sum") ${effect} (principal, action, resource) when { ${overflow} };`);
    const sets = compiled(manifest, t);
    const denied = sets.decide(requestOf(manifest, { resource: { amount: 1 } }));
    assert.deepEqual([denied.outcome, denied.reason, denied.policies], ['deny', 'evaluation error', ['sum']]);
    assert.match(denied.errors[0] ?? '', /overflow/);
    assert.equal(sets.decide(requestOf(manifest, { resource: {} })).outcome, 'allow');
  }
});

test('what does not exist is told apart from what is not permitted', (t) => {
  const manifest = manifestOf(`${OWN} @id("new") permit (principal, action in Action::"write", resource)
    when { !(resource has owner) };`);
  const sets = compiled(manifest, t);
  const missing = { outcome: 'deny', policies: [], reason: 'lookup missing', errors: [] };
  assert.deepEqual(sets.decide(requestOf(manifest, { resource: null })), missing);
  assert.deepEqual(sets.decide(requestOf(manifest, { resource: null, method: 'PUT' })), allowedBy('new'));
});

test('claims decide, with the type that the manifest declares', (t) => {
  const manifest = manifestOf(`@id("team") permit (principal, action, resource)
    when { principal has roles && principal.roles.contains("admin") && principal has level && principal.level >= 3
      && principal has verified && principal.verified && principal.scopes.contains("orders") };`);
  const sets = compiled(manifest, t);
  const claims = { roles: ['admin'], level: 3, verified: true };
  const decide = (rest: object, scopes = ['orders']) =>
    sets.decide(requestOf(manifest, { caller: userOf('ana', { scopes, claims: { ...claims, ...rest } }) }));
  assert.deepEqual(decide({}), allowedBy('team'));
  assert.deepEqual(decide({ level: 2 }), NO_POLICY);
  assert.deepEqual(decide({ roles: ['administrator'] }), NO_POLICY);
  assert.deepEqual(decide({}, []), NO_POLICY);
  assert.equal(decide({ level: '3' }).reason, 'evaluation error');
  assert.equal(decide({ roles: 'admin' }).reason, 'evaluation error');
  assert.equal(decide({ verified: 'true' }).reason, 'evaluation error');
});

test('a stored value of a wrong type denies, as it could be what forbids', (t) => {
  const manifest = manifestOf(`permit (principal, action, resource);
    @id("locked") forbid (principal, action, resource) when { resource has locked && resource.locked };`);
  const sets = compiled(manifest, t);
  assert.equal(sets.decide(requestOf(manifest, { resource: { locked: false } })).outcome, 'allow');
  assert.deepEqual(sets.decide(requestOf(manifest, { resource: { locked: true } })), deniedBy('locked'));
  const wrong = sets.decide(requestOf(manifest, { resource: { locked: 'yes' } }));
  assert.deepEqual(wrong.errors, ['the attribute locked is neither true nor false']);
  assert.deepEqual([wrong.outcome, wrong.reason], ['deny', 'evaluation error']);
  // What no policy reads cannot change the decision.
  assert.equal(sets.decide(requestOf(manifest, { resource: { amount: 'many' } })).outcome, 'allow');
});

test('texts and lists are bounded', (t) => {
  const manifest = manifestOf(`permit (principal, action, resource)
    when { resource has owner && resource.owner != "" || resource has tags && !resource.tags.isEmpty() };`);
  const sets = compiled(manifest, t);
  const decide = (resource: object) => sets.decide(requestOf(manifest, { resource: { ...resource } }));
  const bytesMax = LIMITS.policyTextBytesMax.value;
  const countMax = LIMITS.policyTextsMax.value;
  assert.equal(decide({ owner: 'é'.repeat(bytesMax / 2) }).outcome, 'allow');
  assert.match(decide({ owner: `${'é'.repeat(bytesMax / 2)}x` }).errors[0] ?? '', /longer than 8192 bytes/);
  assert.equal(decide({ tags: Array.from({ length: countMax }, String) }).outcome, 'allow');
  assert.match(
    decide({ tags: Array.from({ length: countMax + 1 }, String) }).errors[0] ?? '',
    /more than 256/,
  );
  assert.match(decide({ owner: 'a\ud800' }).errors[0] ?? '', /not well-formed/);
  assert.equal(decide({ owner: 'a\ud83d\ude00' }).outcome, 'allow');
});

test('what an integer cannot hold exactly denies', (t) => {
  const manifest = manifestOf(
    'permit (principal, action, resource) when { resource has amount && resource.amount > 0 };',
  );
  const sets = compiled(manifest, t);
  const decide = (amount: unknown) => sets.decide(requestOf(manifest, { resource: { amount } })).outcome;
  assert.deepEqual([1, Number.MAX_SAFE_INTEGER].map(decide), ['allow', 'allow']);
  const wrong = [-1, 0, 1.5, Number.MAX_SAFE_INTEGER + 1, Number.NaN, Infinity, '1', [1], true];
  for (const amount of wrong) assert.equal(decide(amount), 'deny', String(amount));
});

test('method, group, path, parameters, address, transport and time decide', (t) => {
  const rules: readonly [string, object, object][] = [
    ['action == Action::"GET /orders/:id"', {}, { method: 'PUT' }],
    ['action in [Action::"write"]', { method: 'DELETE' }, {}],
    ['action in Action::"orders"', {}, { method: 'POST' }],
  ];
  for (const [scope, right, wrong] of rules) {
    const manifest = manifestOf(`permit (principal, ${scope}, resource);`);
    const sets = compiled(manifest, t);
    assert.equal(sets.decide(requestOf(manifest, right)).outcome, 'allow', scope);
    assert.equal(sets.decide(requestOf(manifest, wrong)).outcome, 'deny', scope);
  }
  const conditions: readonly [string, object, object][] = [
    ['context.method == "PUT"', { method: 'PUT' }, {}],
    ['context.path like "/orders/1*"', {}, { path: '/orders/2' }],
    ['context.params.id == "17"', {}, { params: { id: '18' } }],
    ['context.params == {id: "17"}', {}, { params: { id: '18' } }],
    ['context.address.isInRange(ip("192.0.2.0/24"))', {}, { address: '198.51.100.1' }],
    ['context.address == ip("192.0.2.7")', { address: '::ffff:192.0.2.7' }, { address: '::ffff:192.0.2.8' }],
    ['context.address.isLoopback()', { address: '::1%lo' }, {}],
    ['context.secure', {}, { secure: false }],
    ['context.time < 1700000001', {}, { now: 1_700_000_001_000 }],
    ['resource == Order::"17"', {}, { params: { id: '1' } }],
    ['principal == User::"jwt:customers/ana"', {}, { caller: userOf('an') }],
    ['action in Action::"read"', {}, { method: 'PUT' }],
    [WHOLE_CONTEXT, {}, { secure: false }],
    ['[Action::"PUT /orders/:id"].contains(action)', { method: 'PUT' }, {}],
    ['resource is Order && principal is User', {}, { method: 'POST' }],
  ];
  for (const [condition, right, wrong] of conditions) {
    const manifest = manifestOf(`permit (principal, action, resource) when { ${condition} };`);
    const sets = compiled(manifest, t);
    assert.equal(sets.decide(requestOf(manifest, right)).outcome, 'allow', condition);
    assert.equal(sets.decide(requestOf(manifest, wrong)).outcome, 'deny', condition);
  }
});

test('an address that is none denies where a policy asks for it', (t) => {
  const manifest = manifestOf(
    'permit (principal, action, resource) unless { context.address.isLoopback() };',
  );
  const sets = compiled(manifest, t);
  assert.equal(sets.decide(requestOf(manifest)).outcome, 'allow');
  for (const address of ['', 'localhost', '1.2.3', '192.0.2.7/24', '192.0.2.7\0'])
    assert.equal(sets.decide(requestOf(manifest, { address })).reason, 'evaluation error', address);
});

test('HEAD is judged as the GET that serves it, unless the route names HEAD', (t) => {
  const text = 'permit (principal, action == Action::"GET /orders/:id", resource);';
  const implicit = manifestOf(text);
  assert.equal(compiled(implicit, t).decide(requestOf(implicit, { method: 'HEAD' })).outcome, 'allow');
  const explicit = manifestOf(text, [{ ...ORDERS_ROUTE, methods: ['GET', 'HEAD'] }]);
  assert.equal(compiled(explicit, t).decide(requestOf(explicit, { method: 'HEAD' })).outcome, 'deny');
  assert.equal(compiled(explicit, t).decide(requestOf(explicit)).outcome, 'allow');
});

test('each kind of caller has a type of its own, and no other comes to a route', (t) => {
  const callers: readonly [object | string, string, Caller][] = [
    [{ jwt: 'customers' }, 'User', userOf('ana')],
    [{ oidc: 'staff' }, 'User', userOf('ana', { authenticator: 'oidc:staff' })],
    [{ apiKey: 'partners' }, 'Key', userOf('k1', { kind: 'key', authenticator: 'apiKey:partners' })],
    [{ mtls: 'machines' }, 'Machine', userOf('CN=a', { kind: 'machine', authenticator: 'mtls:machines' })],
    [{ webhook: 'hooks' }, 'Webhook', userOf('hooks', { kind: 'webhook', authenticator: 'webhook:hooks' })],
    ['public', 'Anonymous', { kind: 'anonymous' }],
    ['control', 'Operator', { kind: 'control' }],
  ];
  for (const [auth, type, caller] of callers) {
    const manifest = manifestOf(`permit (principal is ${type}, action, resource is Route);`, [
      { path: '/orders', auth, allow: FILE },
    ]);
    const sets = compiled(manifest, t);
    for (const [, , other] of callers) {
      const decision = sets.decide(requestOf(manifest, { caller: other, params: {} }));
      assert.equal(decision.outcome, other === caller ? 'allow' : 'deny', `${type} ${JSON.stringify(other)}`);
      assert.equal(decision.reason, other === caller ? 'policy' : 'evaluation error');
    }
  }
});

test('scopes of an API key decide', (t) => {
  const manifest = manifestOf(
    'permit (principal, action, resource) when { principal.scopes.containsAll(["orders:write"]) };',
    [{ path: '/orders', auth: { apiKey: 'partners' }, allow: FILE }],
  );
  const sets = compiled(manifest, t);
  const decide = (...scopes: string[]) => {
    const caller = userOf('k1', { kind: 'key', authenticator: 'apiKey:partners', scopes });
    return sets.decide(requestOf(manifest, { caller, params: {} })).outcome;
  };
  assert.deepEqual([decide('orders:write', 'x'), decide('orders:read'), decide()], ['allow', 'deny', 'deny']);
});

test('the same subject of another authenticator is another user', (t) => {
  const text = '@id("ana") permit (principal == User::"jwt:customers/ana", action, resource);';
  const routes = [
    { path: '/a', auth: { jwt: 'customers' }, allow: FILE },
    { path: '/b', auth: { oidc: 'staff' }, allow: FILE },
  ];
  const manifest = manifestOf(text, routes);
  const sets = compiled(manifest, t);
  const [a, b] = manifest.functions[0]?.routes ?? [];
  assert.ok(a !== undefined && b !== undefined);
  const staff = userOf('ana', { authenticator: 'oidc:staff' });
  assert.deepEqual(sets.decide(requestOf(manifest, { route: a, params: {} })), allowedBy('ana'));
  assert.deepEqual(sets.decide(requestOf(manifest, { route: b, params: {}, caller: staff })), NO_POLICY);
});

test('only the policies of a file that the route names are asked', (t) => {
  const routes = [
    { path: '/a', auth: 'public', allow: 'a.cedar' },
    { path: '/b', auth: 'public', allow: 'b.cedar' },
    { path: '/c', auth: 'public' },
  ];
  const files = { 'a.cedar': '@id("a") permit (principal, action, resource);', 'b.cedar': '' };
  const manifest = manifestOf(files, routes);
  const sets = compiled(manifest, t);
  const [a, b, c] = manifest.functions[0]?.routes ?? [];
  assert.ok(a !== undefined && b !== undefined && c !== undefined);
  const request = requestOf(manifest, { caller: { kind: 'anonymous' }, params: {} });
  assert.deepEqual(sets.decide({ ...request, route: a }), allowedBy('a'));
  assert.deepEqual(sets.decide({ ...request, route: b }), NO_POLICY);
  // A route without policies is not for this stage: asked all the same, it denies.
  assert.deepEqual(sets.decide({ ...request, route: c }), NO_POLICY);
});

test('after close, and for a method that the route does not have, everyone is denied', () => {
  const manifest = manifestOf('permit (principal, action, resource);');
  const sets = compilePolicies(manifest);
  assert.equal(sets.decide(requestOf(manifest)).outcome, 'allow');
  assert.deepEqual(sets.decide(requestOf(manifest, { method: 'POST' })), NO_POLICY);
  sets.close();
  sets.close();
  assert.deepEqual(sets.decide(requestOf(manifest)), NO_POLICY);
});

test('a parameter that is not there, or that cannot be an id, denies', (t) => {
  const manifest = manifestOf('permit (principal, action, resource);', [
    { ...ORDERS_ROUTE, allow: { policies: FILE, resource: { ...ORDER, id: 'order {params.id}' } } },
  ]);
  const sets = compiled(manifest, t);
  assert.equal(sets.decide(requestOf(manifest)).outcome, 'allow');
  for (const params of [{}, { id: '' }, { id: 'a/b' }, { id: 'a\0' }, { id: '\udfff' }])
    assert.equal(sets.decide(requestOf(manifest, { params: { ...params } })).reason, 'evaluation error');
});
