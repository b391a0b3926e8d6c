import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CordonError } from '../contract/index.ts';
import { manifestFiles, parseManifest, readStoredManifest, type ManifestProblem } from './index.ts';

const ISSUER = 'https://id.example';
const AUTH = {
  jwt: { customers: { issuer: ISSUER, audience: 'shop' } },
  oidc: { staff: { issuer: ISSUER, clientId: 'c' } },
  apiKey: { partners: { scopes: ['orders:read'] } },
  mtls: { machines: { ca: 'certs/ca.pem' } },
  webhook: { github: { scheme: 'github', secrets: ['HOOK'] } },
};

const textOf = (route: object, auth: object = AUTH) =>
  JSON.stringify({
    name: 'shop',
    auth,
    functions: { main: { entry: 'main.ts', routes: [{ path: '/orders/:id', auth: 'public', ...route }] } },
  });

function routeOf(route: object) {
  const parsed = parseManifest(textOf(route)).functions[0]?.routes[0];
  assert.ok(parsed !== undefined);
  return parsed;
}

function problemOf(text: string): ManifestProblem {
  try {
    parseManifest(text);
  } catch (thrown) {
    assert.ok(thrown instanceof CordonError && thrown.code === 'CORDON_MANIFEST_INVALID');
    const [problem] = thrown.details['problems'] as ManifestProblem[];
    assert.ok(problem !== undefined);
    return problem;
  }
  throw new assert.AssertionError({ message: `It was expected to be refused: ${text}` });
}

test('a route names exactly one authenticator, which the app has', () => {
  for (const [kind, names] of Object.entries(AUTH)) {
    const [name = ''] = Object.keys(names);
    assert.deepEqual(routeOf({ auth: { [kind]: name } }).auth, { kind, name, scopes: [] });
    const near = problemOf(textOf({ auth: { [kind]: `${name}s` } }));
    assert.equal(near.path, `functions.main.routes[0].auth.${kind}`);
    assert.equal(near.suggestion, `"${name}"`);
  }
  assert.deepEqual(routeOf({ auth: { apiKey: 'partners', scopes: ['orders:read'] } }).auth, {
    kind: 'apiKey',
    name: 'partners',
    scopes: ['orders:read'],
  });
  for (const auth of [{}, { scopes: ['a'] }, { jwt: 'customers', mtls: 'machines' }]) {
    assert.match(problemOf(textOf({ auth })).expected, /exactly one of/, JSON.stringify(auth));
  }
  const scope = problemOf(textOf({ auth: { apiKey: 'partners', scopes: ['orders:reed'] } }));
  assert.equal(scope.suggestion, '"orders:read"');
  assert.equal(problemOf(textOf({ auth: { jwtt: 'customers' } })).suggestion, '"jwt"');
  assert.match(problemOf(textOf({ auth: 'Public' })).expected, /"public"/);
  assert.match(problemOf(textOf({ auth: true })).path, /auth/);
});

test('an authenticator has every default filled in, and no symmetric or missing algorithm', () => {
  const { auth } = parseManifest(textOf({}));
  assert.deepEqual(auth.jwt['customers'], {
    issuer: ISSUER,
    audiences: ['shop'],
    jwks: null,
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    clockSkewMs: 30_000,
    subject: 'sub',
    claims: {},
    unsafePrivate: false,
  });
  assert.deepEqual(auth.oidc['staff']?.scopes, ['openid']);
  assert.equal(auth.webhook['github']?.toleranceMs, 300_000);
  for (const algorithms of [['none'], ['HS256'], ['RS256', 'HS512'], []]) {
    const jwt = { customers: { issuer: ISSUER, audience: 'shop', algorithms } };
    assert.match(problemOf(textOf({}, { jwt })).path, /^auth\.jwt\.customers\.algorithms/);
  }
  for (const issuer of ['id.example', 'ftp://id.example', 'https://id.example/?a', '']) {
    const jwt = { customers: { issuer, audience: 'shop' } };
    assert.equal(problemOf(textOf({}, { jwt })).path, 'auth.jwt.customers.issuer', issuer);
  }
  assert.match(problemOf(textOf({}, { jwt: { customers: { issuer: ISSUER } } })).path, /audience/);
});

test('rates and bounds are told in words, and count what the route can tell apart', () => {
  const known = { auth: { jwt: 'customers' } };
  assert.deepEqual(routeOf({ ...known, rate: '60/min per subject' }).rates, [
    { count: 60, periodMs: 60_000, per: 'subject', burst: 60 },
  ]);
  assert.deepEqual(routeOf({ ...known, rate: ['10/s per address burst 50', '5000/day per project'] }).rates, [
    { count: 10, periodMs: 1000, per: 'address', burst: 50 },
    { count: 5000, periodMs: 86_400_000, per: 'project', burst: 5000 },
  ]);
  assert.deepEqual(routeOf({ concurrency: '20 per route' }).concurrency, [{ count: 20, per: 'route' }]);
  for (const rate of ['60', '0/min per route', '60/fortnight per route', '60/min', '60/min per user', []]) {
    assert.match(problemOf(textOf({ ...known, rate })).path, /rate/, JSON.stringify(rate));
  }
  for (const route of [
    { rate: '1/s per subject' },
    { rate: ['1/s per key'] },
    { concurrency: '1 per key' },
  ]) {
    assert.match(problemOf(textOf(route)).expected, /callers of a public route are not known/);
  }
});

test('a resource asks only for parameters that the path has', () => {
  const allow = (resource: object) => ({
    auth: { jwt: 'customers' },
    allow: { policies: 'p.cedar', resource },
  });
  const good = allow({
    type: 'Order',
    id: '{params.id}',
    attributes: { owner: 'string' },
    from: { kv: 'orders', key: 'orders/{params.id}' },
  });
  assert.deepEqual(routeOf(good).allow?.resource?.from, { kv: 'orders', key: 'orders/{params.id}' });
  assert.deepEqual(routeOf({ allow: 'p.cedar' }).allow, { policies: 'p.cedar', resource: null });
  const near = problemOf(textOf(allow({ type: 'Order', id: '{params.ids}' })));
  assert.equal(near.suggestion, '"{params.id}"');
  for (const id of ['{query.id}', '{}', '{params.id}{x}']) {
    assert.match(problemOf(textOf(allow({ type: 'Order', id }))).path, /resource\.id/, id);
  }
  assert.match(problemOf(textOf(allow({ type: 'order', id: 'x' }))).path, /type/);
});

test('the files that a manifest names are listed once each, and lie below its folder', () => {
  const manifest = parseManifest(
    textOf({
      allow: 'policies/p.cedar',
      body: 'schemas/b.json',
      query: 'schemas/q.json',
      params: 'schemas/q.json',
    }),
  );
  assert.deepEqual(manifestFiles(manifest), [
    'certs/ca.pem',
    'policies/p.cedar',
    'schemas/b.json',
    'schemas/q.json',
  ]);
  assert.deepEqual(manifestFiles(parseManifest(textOf({ body: 'json' }, {}))), []);
  for (const body of ['/etc/passwd', '../b.json', 'a/../../b', './b', 'a//b', 'a\\b', 'a\0b', '']) {
    assert.match(problemOf(textOf({ body })).path, /body/, JSON.stringify(body));
  }
});

test('content types default to JSON where the body is checked', () => {
  assert.deepEqual(routeOf({ body: 'json' }).types, ['application/json']);
  assert.deepEqual(routeOf({ types: ['image/*'] }).types, ['image/*']);
  assert.equal(routeOf({}).types, null);
  for (const type of ['json', '*/*', 'text/html; charset=utf-8', 'Text/HTML']) {
    assert.match(problemOf(textOf({ types: [type] })).path, /types/, type);
  }
});

test('cookies are never for every origin', () => {
  const cors = { origins: ['https://app.example'], credentials: true };
  assert.equal(routeOf({ cors }).cors?.maxAgeMs, 600_000);
  assert.match(problemOf(textOf({ cors: { origins: ['*'], credentials: true } })).expected, /by name/);
  for (const origin of ['https://app.example/', 'app.example', 'null', 'https://*.example']) {
    assert.match(problemOf(textOf({ cors: { origins: [origin] } })).path, /origins/, origin);
  }
});

test('paths have no dot segments and nothing after a star', () => {
  for (const path of ['/', '/a', '/a/', '/a/:id/', '/*', '/a/*', '/a.b/~c', '/.well-known/x']) {
    assert.equal(routeOf({ path }).path, path);
  }
  for (const path of ['', 'a', '/a/*/', '/a/*/b', '/a/..', '/./a', '/a//b', '/a?b', '/a/%2e', '/a*']) {
    assert.match(problemOf(textOf({ path })).path, /routes\[0\]\.path/, path);
  }
});

test('security headers that do not exist, or cannot be a header, are refused', () => {
  assert.deepEqual(routeOf({ securityHeaders: { 'x-frame-options': 'off' } }).securityHeaders, {
    'x-frame-options': 'off',
  });
  for (const securityHeaders of [{ server: 'x' }, { 'x-frame-options': 'a\nb' }, { 'x-frame-options': '' }]) {
    assert.match(
      problemOf(textOf({ securityHeaders })).path,
      /securityHeaders/,
      JSON.stringify(securityHeaders),
    );
  }
});

test('a manifest that was stored before routes could say more is read with its defaults', () => {
  const { auth: _auth, files: _files, ...rest } = parseManifest(textOf({}));
  const old = {
    ...rest,
    functions: rest.functions.map((fn) => ({
      ...fn,
      routes: fn.routes.map(({ path, methods, auth }) => ({ path, methods, auth })),
    })),
  };
  assert.deepEqual(readStoredManifest(JSON.stringify(old)), {
    ...parseManifest(textOf({}, {})),
  });
});

test('a route that delivers events has callers who are known, one method, and nothing of an answer', () => {
  const github = { auth: { webhook: 'github' }, methods: ['POST'] };
  assert.equal(routeOf({}).deliver, 'request');
  assert.equal(routeOf({ ...github, deliver: 'webhook' }).deliver, 'webhook');
  for (const auth of [
    { jwt: 'customers' },
    { apiKey: 'partners' },
    { mtls: 'machines' },
    'control',
    github.auth,
  ])
    assert.equal(routeOf({ auth, methods: ['POST'], deliver: 'cloudevents' }).deliver, 'cloudevents');
  for (const allowed of [{ types: ['application/json'] }, { rate: '10/s per subject' }, { query: 'q.json' }])
    routeOf({ ...github, deliver: 'webhook', ...allowed });
  for (const [route, path, expected] of [
    [{ ...github, deliver: 'events' }, 'deliver', /webhook/],
    [{ ...github, deliver: 'request' }, 'deliver', /webhook/],
    [{ methods: ['POST'], deliver: 'cloudevents' }, 'auth', /forged/],
    [{ methods: ['POST'], deliver: 'webhook' }, 'auth', /forged/],
    [{ auth: { jwt: 'customers' }, methods: ['POST'], deliver: 'webhook' }, 'auth', /auth\.webhook/],
    [{ auth: 'control', methods: ['POST'], deliver: 'webhook' }, 'auth', /auth\.webhook/],
    [{ auth: github.auth, deliver: 'webhook' }, 'deliver', /\["POST"\]/],
    [{ ...github, methods: ['POST', 'PUT'], deliver: 'webhook' }, 'methods', /\["POST"\]/],
    [{ ...github, methods: ['GET'], deliver: 'webhook' }, 'methods', /\["POST"\]/],
    [{ ...github, deliver: 'webhook', body: 'json' }, 'body', /does not answer/],
    [{ ...github, deliver: 'webhook', cors: { origins: ['*'] } }, 'cors', /does not answer/],
    [
      { ...github, deliver: 'webhook', securityHeaders: { 'x-frame-options': 'off' } },
      'securityHeaders',
      /does not answer/,
    ],
  ] as const) {
    const problem = problemOf(textOf(route));
    assert.equal(problem.path, `functions.main.routes[0].${path}`, JSON.stringify(route));
    assert.match(problem.expected, expected);
  }
});

test('one path delivers events once', () => {
  const route = { path: '/hooks/:a', auth: { webhook: 'github' }, methods: ['POST'], deliver: 'webhook' };
  const textWith = (other: object) =>
    JSON.stringify({
      name: 'shop',
      auth: AUTH,
      functions: { main: { entry: 'main.ts', routes: [route, { ...route, ...other }] } },
    });
  assert.match(problemOf(textWith({ path: '/hooks/:b', deliver: 'cloudevents' })).got, /twice/);
  assert.equal(parseManifest(textWith({ path: '/hooks/b' })).functions[0]?.routes.length, 2);
});
