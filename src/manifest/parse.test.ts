import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CordonError, LIMITS } from '../contract/index.ts';
import { manifestJsonSchema, parseManifest, ROUTE_DEFAULTS, typesOf, type ManifestProblem } from './index.ts';

function problemsOf(text: string): { error: CordonError; problems: ManifestProblem[] } {
  try {
    parseManifest(text);
  } catch (thrown) {
    assert.ok(thrown instanceof CordonError);
    return { error: thrown, problems: thrown.details['problems'] as ManifestProblem[] };
  }
  throw new assert.AssertionError({ message: `It was expected to be refused: ${text}` });
}

const withFunction = (fn: object) =>
  JSON.stringify({ name: 'shop', functions: { main: { entry: 'src/main.ts', ...fn } } });
const withRoutes = (...routes: object[]) => withFunction({ routes });

test('comments and trailing commas are allowed, and every default is filled in', () => {
  const manifest = parseManifest(`\uFEFF{
    // a comment
    "name": "shop", "hosts": ["b.example", "a.example"],
    "functions": { "z": { "entry": "z.ts", }, "a": { "entry": "a.ts", "routes": [{ "path": "/", "auth": "public" }], "limits": { "time": "2m", "memory": "64MiB", "body": "10MB" } }, }, /* end */
  }`);
  assert.deepEqual(manifest.hosts, ['a.example', 'b.example']);
  assert.deepEqual(
    manifest.functions.map((fn) => fn.name),
    ['a', 'z'],
  );
  assert.deepEqual(manifest.functions[0]?.routes, [
    { ...ROUTE_DEFAULTS, path: '/', methods: null, auth: 'public' },
  ]);
  assert.equal(manifest.functions[0].limits.timeMs, 120_000);
  assert.equal(manifest.functions[0].limits.memoryBytes, 64 * 1024 ** 2);
  assert.equal(manifest.functions[0].limits.bodyBytes, 10_000_000);
  assert.deepEqual(manifest.functions[1]?.limits, {
    timeMs: LIMITS.functionTimeMsDefault.value,
    memoryBytes: LIMITS.functionMemoryBytesDefault.value,
    concurrency: LIMITS.functionConcurrencyDefault.value,
    instances: LIMITS.functionInstancesDefault.value,
    bodyBytes: LIMITS.requestBodyBytesDefault.value,
    responseBytes: LIMITS.responseBytesDefault.value,
  });
});

test('all problems are reported together, each at its place', () => {
  const { error, problems } = problemsOf(`{
  "name": "Shop",
  "functions": {
    "main": { "entry": "../main.ts", "routs": [],
      "routes": [{ "path": "/", "auth": "publik" }, { "path": "x" }] },
  },
  "name": "again",
}`);
  assert.equal(error.code, 'CORDON_MANIFEST_INVALID');
  assert.deepEqual(
    problems.map(({ line, column, path, suggestion }) => [line, column, path, suggestion]),
    [
      [2, 3, 'name', null],
      [4, 15, 'functions.main.entry', null],
      [4, 38, 'functions.main.routs', '"routes"'],
      [5, 33, 'functions.main.routes[0].auth', '"public"'],
      [5, 53, 'functions.main.routes[1].auth', null],
      [5, 55, 'functions.main.routes[1].path', null],
      [7, 3, 'name', null],
    ],
  );
  assert.match(error.message, /^cordon\.jsonc does not follow its schema: 7 problems\./);
  assert.match(error.message, /> 4 \| {5}"main": \{ "entry": "\.\.\/main\.ts", "routs": \[\],\n/);
});

test('a route that does not say who may call it is refused', () => {
  const { problems } = problemsOf(withRoutes({ path: '/' }));
  assert.match(problems[0]?.expected ?? '', /write "public" aloud/);
  parseManifest(withRoutes({ path: '/', auth: 'public' }));
});

test('syntax errors are reported alone', () => {
  const { error, problems } = problemsOf('{ "name": shop,\n "nonsense": 1 }');
  assert.equal(error.code, 'CORDON_MANIFEST_SYNTAX');
  assert.deepEqual([problems[0]?.line, problems[0]?.column], [1, 11]);
  for (const text of ['', '{', '[1,,2]', '{"a":1}}', "{'a':1}", '{"a": "\n"}', '/* never ends']) {
    assert.equal(problemsOf(text).error.code, 'CORDON_MANIFEST_SYNTAX', text);
  }
});

test('keys that would change an object are refused and never become values', () => {
  const { problems } = problemsOf(
    '{"name":"shop","functions":{"main":{"entry":"a.ts"},"__proto__":{"entry":"b.ts"}}}',
  );
  assert.equal(problems[0]?.path, 'functions.__proto__');
  assert.equal(Reflect.get({}, 'entry'), undefined);
});

test('a manifest at the limits of size and depth is parsed, and beyond them refused without a stack overflow', () => {
  const text = withFunction({});
  parseManifest(text.padEnd(LIMITS.manifestBytesMax.value));
  assert.match(
    problemsOf(text.padEnd(LIMITS.manifestBytesMax.value + 1)).error.message,
    /at most 262144 bytes/,
  );
  assert.equal(
    problemsOf('['.repeat(20)).problems.some((problem) => problem.expected.includes('nesting')),
    false,
  );
  assert.match(problemsOf('['.repeat(100_000)).problems[0]?.expected ?? '', /nesting/);
});

const RULES: readonly [title: string, refused: string, accepted: string][] = [
  [
    'the same route twice',
    withRoutes({ path: '/a/:x', auth: 'public' }, { path: '/a/:y', auth: 'public', methods: ['GET'] }),
    withRoutes(
      { path: '/a/:x', auth: 'public', methods: ['PUT'] },
      { path: '/a/:y', auth: 'public', methods: ['GET'] },
    ),
  ],
  [
    'a parameter twice in a path',
    withRoutes({ path: '/:a/:a', auth: 'public' }),
    withRoutes({ path: '/:a/:b', auth: 'public' }),
  ],
  [
    'a parameter that is no name',
    withRoutes({ path: '/:1', auth: 'public' }),
    withRoutes({ path: '/:a1', auth: 'public' }),
  ],
  [
    'a dot segment',
    withRoutes({ path: '/a/../b', auth: 'public' }),
    withRoutes({ path: '/a/..b', auth: 'public' }),
  ],
  ['no function', '{"name":"shop","functions":{}}', withFunction({})],
  ['an unknown key', withFunction({ public: true }), withFunction({})],
  [
    'a duration without a unit',
    withFunction({ limits: { time: '10' } }),
    withFunction({ limits: { time: '10s' } }),
  ],
  [
    'a duration above the limit',
    withFunction({ limits: { time: '901s' } }),
    withFunction({ limits: { time: '900s' } }),
  ],
  [
    'a size below the limit',
    withFunction({ limits: { memory: '63MiB' } }),
    withFunction({ limits: { memory: '64MiB' } }),
  ],
  [
    'an unknown unit',
    withFunction({ limits: { memory: '64mb' } }),
    withFunction({ limits: { memory: '128MB' } }),
  ],
  [
    'half a request',
    withFunction({ limits: { concurrency: 0.5 } }),
    withFunction({ limits: { concurrency: 1 } }),
  ],
  [
    'a variable in lower case',
    withFunction({ vars: { greeting: 'x' } }),
    withFunction({ vars: { GREETING: 'x' } }),
  ],
  ['an entry that is no module', withFunction({ entry: 'main.json' }), withFunction({ entry: 'main.mjs' })],
  [
    'an entry outside of the app',
    withFunction({ entry: 'a/../../main.ts' }),
    withFunction({ entry: 'a/..main.ts' }),
  ],
];

for (const [title, refused, accepted] of RULES) {
  test(`${title} is refused`, () => {
    assert.equal(problemsOf(refused).error.code, 'CORDON_MANIFEST_INVALID');
    parseManifest(accepted);
  });
}

test('as many functions as allowed are parsed, and one more is refused', () => {
  const many = (count: number) =>
    JSON.stringify({
      name: 'shop',
      functions: Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, { entry: 'a.ts' }])),
    });
  assert.equal(
    parseManifest(many(LIMITS.functionsPerAppMax.value)).functions.length,
    LIMITS.functionsPerAppMax.value,
  );
  problemsOf(many(LIMITS.functionsPerAppMax.value + 1));
});

test('the published JSON Schema is up to date', () => {
  const published: unknown = JSON.parse(
    readFileSync(new URL('../../schema/cordon.schema.json', import.meta.url), 'utf8'),
  );
  assert.deepEqual(published, JSON.parse(JSON.stringify(manifestJsonSchema())));
});

test('types name every function and variable, and never a value', () => {
  const types = typesOf(parseManifest(withFunction({ vars: { GREETING: 'hello"; evil' } })));
  assert.match(types, /interface MainEnv \{\n {4}readonly GREETING: string;\n {2}\}/);
  assert.doesNotMatch(types, /evil/);
});
