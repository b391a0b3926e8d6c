import assert from 'node:assert/strict';
import { test } from 'node:test';
import { analyse } from '../permissions/index.ts';
import { failureOf, filesTar, HELLO, live, setUp } from './deploy.fixture.ts';
import type { GrantProblem } from './grant-gate.ts';
import type { GrantGateOptions } from './port.ts';

/** A gate with the real analysis, which remembers what it was asked about. */
function gateOf(secrets: readonly string[] = []): GrantGateOptions & { readonly codes: string[] } {
  const codes: string[] = [];
  return {
    codes,
    async analyse(code, options) {
      codes.push(code);
      return analyse(code, options);
    },
    missingSecrets: async (names) => names.filter((name) => !secrets.includes(name)),
  };
}

/** Cannot tell anything. */
const blind: GrantGateOptions['analyse'] = async () => [
  { kind: 'unknown', reason: 'code-generated', detail: '', place: { file: 'bundle', line: 1, column: 1 } },
];

/** A manifest with one function; each grant stands on a line of its own, from line 7. */
function manifestOf(...grants: readonly string[]): string {
  return `{
  "name": "shop",
  "functions": {
    "main": {
      "entry": "src/main.ts",
      "grants": {
${grants.map((grant) => `        ${grant}`).join(',\n')}
      }
    }
  }
}`;
}

const USES = 'export default { fetch(_r: Request, env: any) { return env.ORDERS.get("a"); } };';
const ORDERS = '"kv": { "ORDERS": { "store": "orders", "can": ["get"] } }';

function problemsOf(error: { readonly details: Readonly<Record<string, unknown>> }): GrantProblem[] {
  return error.details['problems'] as GrantProblem[];
}

test('grants that are used are served, and the code is judged once', async (t) => {
  const grants = gateOf();
  const { deployer } = await setUp(t, { grants });
  const archive = await filesTar({ 'cordon.jsonc': manifestOf(ORDERS), 'src/main.ts': USES });
  const { steps } = await deployer.deploy('shop', archive, live);
  assert.ok(steps.some(({ name }) => name === 'permissions'));
  await deployer.deploy('shop', archive, live);
  assert.equal(grants.codes.length, 1);
  assert.match(grants.codes[0] ?? '', /^ {2}return env\.ORDERS\.get\("a"\);|fetch\(_r, env\) \{\n/m);
});

test('an app that is granted nothing is not looked at', async (t) => {
  const grants = gateOf();
  const { deployer } = await setUp(t, { grants });
  const archive = await filesTar({ 'cordon.jsonc': manifestOf('"kv": {}'), 'src/main.ts': HELLO });
  const { steps } = await deployer.deploy('shop', archive, live);
  assert.equal(
    steps.some(({ name }) => name === 'permissions'),
    false,
  );
  assert.equal(grants.codes.length, 0);
});

test('a change of one function has only that function judged again', async (t) => {
  const grants = gateOf();
  const { deployer } = await setUp(t, { grants });
  const manifest = (greeting: string): string =>
    JSON.stringify({
      name: 'shop',
      functions: Object.fromEntries(
        ['a', 'b'].map((name) => [
          name,
          { entry: `src/${name}.ts`, grants: { kv: { ORDERS: { store: 'orders', can: ['get'] } } } },
        ]),
      ),
      hosts: [greeting],
    });
  const deploy = async (host: string, b: string): Promise<unknown> =>
    deployer.deploy(
      'shop',
      await filesTar({ 'cordon.jsonc': manifest(host), 'src/a.ts': USES, 'src/b.ts': b }),
      live,
    );
  await deploy('one', `// b\n${USES}`);
  assert.equal(grants.codes.length, 2);
  await deploy('two', `export const b = 1;\n${USES}`);
  assert.equal(grants.codes.length, 3);
  assert.match(grants.codes[2] ?? '', /src\/b\.ts/);
});

test('an unused grant and an unused operation are refused at their lines, with what to do', async (t) => {
  const { deployer, catalogue } = await setUp(t, { grants: gateOf() });
  const archive = await filesTar({
    'cordon.jsonc': manifestOf(
      '"kv": { "ORDERS": { "store": "orders", "can": ["get", "delete"] } },\n        // why\n        "fetch": [{ "to": "https://api.example.com/*" }]',
    ),
    'src/main.ts': USES,
  });
  const error = await failureOf(deployer.deploy('shop', archive, live));
  assert.equal(error.code, 'CORDON_GRANT_UNUSED');
  assert.match(
    error.message,
    /^cordon\.jsonc:7:63: main is granted `delete` on kv ORDERS, and its code does not use it\. Remove it, or say in `because` why it is needed\.\ncordon\.jsonc:9:19: main is granted fetch to "https:\/\/api\.example\.com\/\*"/,
  );
  assert.deepEqual(
    problemsOf(error).map(({ function: name, line }) => [name, line]),
    [
      ['main', 7],
      ['main', 9],
    ],
  );
  assert.deepEqual(catalogue.apps(), []);
});

test('a type of a pipe that is never sent is refused at its place in the list', async (t) => {
  const { deployer } = await setUp(t, { grants: gateOf() });
  const deploy = async (types: string) =>
    deployer.deploy(
      'shop',
      await filesTar({
        'cordon.jsonc': manifestOf(`"pipe": { "NEXT": { "types": [${types}] } }`),
        'src/main.ts':
          'export default { async fetch(_r: Request, env: any) { await env.NEXT.send("order.paid", 1); return new Response(); } };',
      }),
      live,
    );
  await deploy('"order.paid"');
  const error = await failureOf(deploy('"order.paid", "order.lost"'));
  assert.equal(error.code, 'CORDON_GRANT_UNUSED');
  assert.match(error.message, /^cordon\.jsonc:7:53: main is granted `order\.lost` on pipe NEXT/);
});

test('a grant that code which cannot be followed may use is not refused', async (t) => {
  const { deployer } = await setUp(t, { grants: gateOf() });
  const files = (body: string) =>
    filesTar({
      'cordon.jsonc': manifestOf(ORDERS),
      'src/main.ts': `export default { fetch(request: Request, env: any) { ${body} } };`,
    });
  await deployer.deploy('shop', await files('return env[request.method].get("a");'), live);
  const error = await failureOf(deployer.deploy('shop', await files('return new Response("a");'), live));
  assert.equal(error.code, 'CORDON_GRANT_UNUSED');
  assert.match(error.message, /main is granted kv ORDERS, and its code does not use it/);
});

test('a reason stands for what is unused or wide', async (t) => {
  const { deployer } = await setUp(t, { grants: gateOf() });
  const because = '"because": "Set by a partner at run time."';
  const files = (fetch: string) =>
    filesTar({
      'cordon.jsonc': manifestOf(ORDERS, `"fetch": [{ "to": "https://*.example/*"${fetch} }]`),
      'src/main.ts': `${USES.replace('return', 'fetch(`https://a.example/${_r.url}`); return')}`,
    });
  const wide = await failureOf(deployer.deploy('shop', await files(''), live));
  assert.equal(wide.code, 'CORDON_GRANT_WILDCARD');
  assert.match(wide.message, /cordon\.jsonc:8:21: main is granted requests to every host below example/);
  await deployer.deploy('shop', await files(`, ${because}`), live);
});

test('a secret that is not set is refused wherever a grant names it, also for a known deployment', async (t) => {
  const secrets = ['A', 'B', 'C'];
  const { deployer } = await setUp(t, { grants: { ...gateOf(secrets), analyse: blind } });
  const archive = await filesTar({
    'cordon.jsonc': manifestOf(
      '"secret": { "KEY": { "secret": "A" } }',
      '"fetch": [{ "to": "https://a.example/", "header": { "authorization": "Bearer {secret:B}" } },\n          { "to": "https://b.example/", "sign": { "hmac": { "header": "x", "secret": "C", "algorithm": "sha256", "encoding": "hex" } } }]',
    ),
    'src/main.ts': HELLO,
  });
  await deployer.deploy('shop', archive, live);
  for (const [name, line] of [
    ['A', 7],
    ['B', 8],
    ['C', 9],
  ] as const) {
    const index = secrets.indexOf(name);
    secrets.splice(index, 1);
    const error = await failureOf(deployer.deploy('shop', archive, live));
    assert.equal(error.code, 'CORDON_SECRET_MISSING');
    assert.match(
      error.message,
      new RegExp(
        `^cordon\\.jsonc:${line}:\\d+: main is granted the secret ${name}, .*cordon secret set ${name}`,
      ),
    );
    secrets.push(name);
  }
  await deployer.deploy('shop', archive, live);
});
