import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { METHODS } from '../manifest/index.ts';
import { cedar, isCedarLoaded } from './cedar.ts';
import { compilePolicies, denyAll } from './index.ts';
import { compiled, FILE, manifestOf, ORDER, ORDERS_ROUTE, refusalOf, requestOf } from './policy.fixture.ts';
import { validatePolicies } from './validate.ts';

const ALL = 'permit (principal, action, resource);';

test('an app without policies never loads the engine', () => {
  const sets = compilePolicies(manifestOf('', [{ path: '/orders', auth: 'public' }]));
  validatePolicies(manifestOf('', [{ path: '/orders', auth: 'public' }]));
  assert.equal(isCedarLoaded(), false);
  sets.close();
  compilePolicies(manifestOf(ALL)).close();
  assert.equal(isCedarLoaded(), true);
});

test('a policy that is wrong is refused at its place, with what to do', () => {
  const wrong: readonly [string, number, RegExp][] = [
    ['permit (principal, action, resource', 36, /unexpected end of input/],
    ['permit (principal, action, resource) when { };', 38, /cannot be empty/],
    [
      'permit (principal, action, resource) when { principal.nope == 1 };',
      45,
      /attribute `nope` .*not found/,
    ],
    [
      'permit (principal, action, resource) when { principal.level > 1 };',
      45,
      /optional attribute `level`.*has level/,
    ],
    [
      'permit (principal, action, resource) when { resource has owner && resource.owner == 1 };',
      67,
      /Long and String are not compatible/,
    ],
    ['permit (principal, action, resource) when { context.body == "" };', 45, /attribute `body` in context/],
    ['permit (principal, action, resource) when { principal.subject };', 45, /expected Bool but saw String/],
    ['permit (principal, action == Action::"POST /orders/:id", resource);', 30, /unrecognized action/],
    ['permit (principal in Group::"a", action, resource);', 22, /unrecognized entity type `Group`/],
    ['permit (principal is Key, action, resource);', 1, /unable to find an applicable action/],
    ['permit (principal, action, resource) when { false };', 1, /impossible/],
    ['permit (principal, action, resource) when { principal.subject == "\u0430dmin" };', 66, /mixed scripts/],
    ['permit (principal == ?principal, action, resource);', 22, /a template is not a policy/],
    ['@id("") permit (principal, action, resource);', 1, /`@id` is empty/],
    ['@id("a\\u{1b}") permit (principal, action, resource);', 1, /cannot be printed/],
    ['@id("a") @id("b") permit (principal, action, resource);', 10, /duplicate annotation/],
    ['allow (principal, action, resource);', 1, /invalid policy effect/],
  ];
  for (const [policy, column, message] of wrong) {
    const { error, problems } = refusalOf(manifestOf(`// é: two bytes\n\n  ${policy}`));
    const [first] = problems;
    assert.ok(first !== undefined);
    const isWhole = column === 1;
    assert.deepEqual([first.file, first.line], [FILE, 3], policy);
    if (!isWhole) assert.equal(first.column, column + 2, policy);
    assert.match(`${first.message} ${first.help}`, message);
    assert.match(error.message, /> 3 \| {3}\S/);
    assert.doesNotMatch(error.message, /policy0|\?\./);
    assert.deepEqual([error.details['file'], error.details['line']], [FILE, 3]);
  }
  validatePolicies(manifestOf(`// é: two bytes\n\n  ${ALL}`));
});

test('all problems of all files are reported together', () => {
  const routes = [
    { path: '/a', auth: 'public', allow: 'a.cedar' },
    { path: '/b', auth: 'public', allow: 'b.cedar' },
    { path: '/c', auth: 'public', allow: 'c.cedar' },
  ];
  const files = { 'a.cedar': 'permit', 'b.cedar': `${ALL}\n@id("x") ${ALL}\n@id("x") ${ALL}` };
  const { problems } = refusalOf(manifestOf(files, routes));
  assert.deepEqual(
    problems.map(({ file, line, policy }) => [file, line, policy]),
    [
      ['a.cedar', 1, null],
      ['b.cedar', 3, 'x'],
      ['c.cedar', null, null],
    ],
  );
});

test('a policy about an action of a route that does not use its file is refused, as it would protect nothing', () => {
  const routes = [
    { path: '/a', methods: ['GET'], auth: 'public', allow: 'a.cedar' },
    { path: '/b', methods: ['GET'], auth: 'public', allow: 'b.cedar' },
  ];
  const forbid = 'forbid (principal, action == Action::"GET /b", resource);';
  const wrong = refusalOf(manifestOf({ 'a.cedar': forbid, 'b.cedar': ALL }, routes));
  assert.match(wrong.problems[0]?.message ?? '', /unrecognized action `Action::"GET \/b"`/);
  validatePolicies(manifestOf({ 'a.cedar': ALL, 'b.cedar': forbid }, routes));
});

test('a file without a permit denies everyone, which is a warning', (t) => {
  for (const text of ['', '// nothing yet\n', 'forbid (principal, action, resource);']) {
    const manifest = manifestOf(text);
    const sets = compiled(manifest, t);
    assert.match(
      validatePolicies(manifest).join(),
      /policies\/orders\.cedar holds no (?:policy|permit), so that its routes/,
    );
    assert.equal(sets.decide(requestOf(manifest)).outcome, 'deny');
  }
  assert.deepEqual(validatePolicies(manifestOf(ALL)), []);
});

test('a file holds at most policiesPerFileMax policies, and 10,000 are refused at once', (t) => {
  const many = (count: number): string =>
    Array.from({ length: count }, (_, i) => `permit (principal == User::"u${i}", action, resource);`).join(
      '\n',
    );
  const max = LIMITS.policiesPerFileMax.value;
  const manifest = manifestOf(many(max));
  const sets = compiled(manifest, t);
  assert.equal(sets.decide(requestOf(manifest)).outcome, 'deny');
  const { problems } = refusalOf(manifestOf(many(max + 1)));
  assert.deepEqual([problems.length, problems[0]?.line], [1, null]);
  assert.match(problems[0]?.message ?? '', /^501 policies, of which at most 500/);
  refusalOf(manifestOf(many(10_000)));
});

test('what Cedar could not hold on its stack is refused before it is parsed, and what it holds is evaluated', (t) => {
  const when = (condition: string): string => `permit (principal, action, resource) when { ${condition} };`;
  const nested = (n: number): string => when(`${'('.repeat(n)}context.secure${')'.repeat(n)}`);
  const sum = (n: number): string => when(`context.time${'+1'.repeat(n)} > 0`);
  const choice = (n: number): string =>
    when(`${'if context.secure then true else '.repeat(n)}context.secure`);
  const flat = (n: number): string => when(`[${Array(n).fill('context.time').join()}].contains(1)`);
  const nesting = LIMITS.policyNestingMax.value;
  const operators = LIMITS.policyOperatorsMax.value;
  const depth = LIMITS.policyDepthMax.value;
  const accepted = [nested(nesting - 1), sum(depth - 3), choice(depth - 2)];
  validatePolicies(manifestOf(flat(operators - 1)));
  for (const text of accepted) {
    const manifest = manifestOf(text);
    assert.equal(compiled(manifest, t).decide(requestOf(manifest)).outcome, 'allow', text);
  }
  const refused: readonly [string, RegExp][] = [
    [nested(nesting), /more than 32 brackets/],
    [nested(50_000), /more than 32 brackets/],
    [when(`${'"(" == "("'} || ${'['.repeat(nesting)}1${']'.repeat(nesting)} == []`), /more than 32 brackets/],
    [sum(depth - 2), /more than 100 levels/],
    [flat(operators), /more than 300 operators/],
    [sum(operators), /more than 300 operators/],
    [sum(50_000), /more than 300 operators/],
    [choice(depth - 1), /more than 100 levels/],
    [when(`principal${'.a'.repeat(operators + 1)}`), /more than 300 operators/],
    [when(`${'!'.repeat(operators + 1)}true`), /more than 300 operators/],
  ];
  for (const [text, message] of refused) {
    const { problems } = refusalOf(manifestOf(text));
    assert.match(problems[0]?.message ?? '', message, text.slice(0, 80));
  }
  // Brackets and operators in texts and comments are none.
  const harmless = `// ${'('.repeat(1000)}\n${when(`context.path != "${'('.repeat(200)}${'+.'.repeat(400)}"`)}`;
  const manifest = manifestOf(harmless);
  assert.equal(compiled(manifest, t).decide(requestOf(manifest)).outcome, 'allow');
});

test('policies are named by their @id, else by their place, in the order of the file', (t) => {
  const policies = Array.from({ length: 12 }, (_, i) =>
    i % 2 === 0 ? `@id("even ${i}")\n${ALL}` : `// ${ALL}\n/${'/'} "\n${ALL}`,
  );
  const manifest = manifestOf(`${policies.join('\n')}\n`);
  const sets = compiled(manifest, t);
  const { policies: named } = sets.explain(requestOf(manifest));
  const lines = Object.fromEntries(named.map(({ id, line }) => [id, line]));
  for (const i of Array.from({ length: 6 }).keys()) {
    assert.equal(lines[`even ${i * 2}`], i * 5 + 1);
    assert.equal(lines[`${FILE}:${i * 5 + 5}`], i * 5 + 5);
  }
});

test('only policies that can apply to an action are asked, and the decision is that of all of them', (t) => {
  const text = `
    @id("get") permit (principal, action == Action::"GET /orders/:id", resource);
    @id("write") permit (principal, action in Action::"write", resource is Order);
    @id("list") permit (principal, action in [Action::"read", Action::"PUT /orders/:id"], resource == Order::"17");
    @id("keys") permit (principal is Key, action, resource);
    @id("key") permit (principal == Key::"apiKey:partners/k", action, resource);
    @id("all") permit (principal, action in Action::"orders", resource in Order::"17");`;
  const keys = { ...ORDERS_ROUTE, path: '/keys/:id', methods: ['POST'], auth: { apiKey: 'partners' } };
  const manifest = manifestOf(text, [ORDERS_ROUTE, keys]);
  const sets = compiled(manifest, t);
  const explained = (method: string) => {
    const { decision, evaluated } = sets.explain(requestOf(manifest, { method }));
    return [evaluated, ...decision.policies];
  };
  assert.deepEqual(explained('GET'), [3, 'all', 'get', 'list']);
  assert.deepEqual(explained('PUT'), [3, 'all', 'list', 'write']);
  assert.deepEqual(explained('DELETE'), [2, 'all', 'write']);
  assert.deepEqual(explained('POST'), [0]);
});

test('an app holds at most policiesHeldMax policies apart, and past that its actions share whole files', (t) => {
  const per = 100;
  const count = LIMITS.policiesHeldMax.value / per + 1;
  const routes = Array.from({ length: count }, (_, i) => ({
    path: `/r${i}`,
    methods: ['GET'],
    auth: 'public',
    allow: FILE,
  }));
  const own = routes.map(({ path }) => `permit (principal, action == Action::"GET ${path}", resource);`);
  const general = Array.from({ length: per - 1 }, () => ALL);
  const manifest = manifestOf([...own, ...general].join('\n'), routes);
  const sets = compiled(manifest, t);
  const evaluated = manifest.functions[0]?.routes.map(
    (route) =>
      sets.explain(requestOf(manifest, { route, caller: { kind: 'anonymous' }, params: {} })).evaluated,
  );
  assert.deepEqual(evaluated, [...Array.from({ length: count - 1 }, () => per), count + per - 1]);
});

test('an app has at most policyActionsMax methods of routes with policies', () => {
  const max = LIMITS.policyActionsMax.value;
  const app = (last: readonly string[]) => {
    const all = Math.floor(max / METHODS.length);
    const routes = Array.from({ length: all }, (_, i) => ({ path: `/r${i}`, auth: 'public', allow: FILE }));
    return manifestOf(ALL, [...routes, { path: '/last', auth: 'public', allow: FILE, methods: last }]);
  };
  const rest = max % METHODS.length;
  validatePolicies(app(METHODS.slice(0, rest)));
  const { problems } = refusalOf(app(METHODS.slice(0, rest + 1)));
  assert.match(problems[0]?.message ?? '', /^1001 methods of routes have policies, of which at most 1000/);
});

test('what is closed gives its memory back', () => {
  const before = cedar().held;
  const first = compilePolicies(manifestOf(ALL));
  const second = compilePolicies(manifestOf(ALL));
  assert.equal(cedar().held, before + 2);
  first.close();
  assert.equal(cedar().held, before + 1);
  assert.equal(second.decide(requestOf(manifestOf(ALL))).outcome, 'allow');
  second.close();
  assert.equal(cedar().held, before);
});

test('an id that two requests could share is refused', () => {
  const withId = (id: string) => [
    {
      ...ORDERS_ROUTE,
      path: '/:a/:b',
      allow: { policies: FILE, resource: { ...ORDER, id, from: undefined } },
    },
  ];
  const { problems } = refusalOf(manifestOf(ALL, withId('{params.a}{params.b}')));
  assert.match(problems[0]?.message ?? '', /nothing between two parameters/);
  validatePolicies(manifestOf(ALL, withId('{params.a}/{params.b}')));
});

test('a file, and all files of an app together, are bounded', () => {
  const fileMax = LIMITS.policyFileBytesMax.value;
  const appMax = LIMITS.policyAppBytesMax.value;
  validatePolicies(manifestOf(`${ALL} // é`.padEnd(fileMax - 1)));
  const { problems } = refusalOf(manifestOf(`${ALL} // é`.padEnd(fileMax)));
  assert.equal(problems[0]?.message, `more than ${fileMax} bytes`);
  const names = Array.from({ length: appMax / fileMax }, (_, i) => `${i}.cedar`);
  const app = (last: number) =>
    manifestOf(
      Object.fromEntries([
        ...names.map((name) => [name, ALL.padEnd(fileMax)]),
        ['last', ALL.padEnd(last)],
      ]) as Record<string, string>,
      [...names, 'last'].map((allow, i) => ({ path: `/r${i}`, methods: ['GET'], auth: 'public', allow })),
    );
  assert.match(refusalOf(app(0)).problems[0]?.message ?? '', /at most 524288 are allowed/);
  names.pop();
  validatePolicies(app(fileMax));
});

test('policies that were not validated still deny where they cannot be evaluated', (t) => {
  const manifest = manifestOf(
    `${ALL}\n@id("no") forbid (principal, action, resource) when { principal.nope };`,
  );
  const sets = compilePolicies(manifest);
  t.after(() => sets.close());
  const { outcome, reason, policies } = sets.decide(requestOf(manifest));
  assert.deepEqual([outcome, reason, policies], ['deny', 'evaluation error', ['no']]);
});

test('where policies cannot be compiled there is something that denies everyone', () => {
  const manifest = manifestOf('permit');
  assert.throws(() => compilePolicies(manifest), { code: 'CORDON_POLICY_INVALID' });
  const sets = denyAll('the policies do not compile');
  const denied = {
    outcome: 'deny',
    policies: [],
    reason: 'evaluation error',
    errors: ['the policies do not compile'],
  };
  assert.deepEqual(sets.decide(requestOf(manifest)), denied);
  assert.deepEqual(sets.explain(requestOf(manifest)).decision, denied);
});

test('an id has at most 100 characters, and a place in a file with a long name is one all the same', () => {
  validatePolicies(manifestOf(`@id("${'x'.repeat(100)}") ${ALL}`));
  assert.match(
    refusalOf(manifestOf(`@id("${'x'.repeat(101)}") ${ALL}`)).problems[0]?.message ?? '',
    /longer than 100/,
  );
  const name = `${'x'.repeat(190)}.cedar`;
  validatePolicies(manifestOf({ [name]: ALL }, [{ path: '/', auth: 'public', allow: name }]));
});

test('an id may be any printable text, whatever it means in JavaScript', (t) => {
  const ids = ['__proto__', 'constructor', '0', "it's", 'é 😀'];
  const manifest = manifestOf(ids.map((id) => `@id("${id}") ${ALL}`).join('\n'));
  const { policies } = compiled(manifest, t).decide(requestOf(manifest));
  assert.deepEqual(policies, ids.toSorted());
});
