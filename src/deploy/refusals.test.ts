import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CordonError } from '../contract/index.ts';
import { failureOf, filesTar, HELLO, live, manifestText, setUp, writeTree } from './deploy.fixture.ts';

/** One function that is run by a clock and a queue, and answers no requests. */
const SOURCES = JSON.stringify({
  name: 'shop',
  functions: { main: { entry: 'src/main.ts', on: [{ cron: '* * * * *' }, { queue: 'jobs' }] } },
});

const REFUSED: readonly {
  title: string;
  files: Record<string, string>;
  code: string;
  says: RegExp;
  place?: [string, number, number];
}[] = [
  {
    title: 'no manifest',
    files: { 'cordon.jsonc': '' },
    code: 'CORDON_MANIFEST_SYNTAX',
    says: /cordon\.jsonc:1:1/,
  },
  {
    title: 'a manifest of another app',
    files: { 'cordon.jsonc': manifestText(undefined, 'other') },
    code: 'CORDON_MANIFEST_INVALID',
    says: /"other"/,
  },
  {
    title: 'a broken manifest',
    files: { 'cordon.jsonc': '{ "name": shop }' },
    code: 'CORDON_MANIFEST_SYNTAX',
    says: /1:11/,
  },
  {
    title: 'an entry that does not exist',
    files: { 'cordon.jsonc': manifestText({ main: 'src/nope.ts' }) },
    code: 'CORDON_ENTRY_MISSING',
    says: /src\/nope\.ts does not exist/,
  },
  {
    title: 'a syntax error',
    files: { 'src/main.ts': 'const a = 1;\n  const = 2;\nexport default {};' },
    code: 'CORDON_BUNDLE_FAILED',
    says: /src\/main\.ts:2:9: Expected identifier[^]*> 2 \|   const = 2;\n {4}\| {9}\^/,
    place: ['src/main.ts', 2, 9],
  },
  {
    title: 'an import that does not exist',
    files: { 'src/main.ts': `/* é */ import x from 'left-pad';\nexport default { fetch: x };` },
    code: 'CORDON_IMPORT_MISSING',
    says: /npm install left-pad/,
    place: ['src/main.ts', 1, 23],
  },
  {
    title: 'an import from a URL',
    files: { 'src/main.ts': `import x from 'https://esm.sh/x';\nexport default { fetch: x };` },
    code: 'CORDON_IMPORT_MISSING',
    says: /never fetched/,
  },
  {
    title: 'a module of another platform',
    files: {
      'src/main.ts': `import { connect } from 'cloudflare:sockets';\nexport default { fetch: connect };`,
    },
    code: 'CORDON_IMPORT_MISSING',
    says: /other platforms/,
  },
  {
    title: 'a function with a route but without fetch',
    files: { 'src/main.ts': 'export default { scheduled() {} };' },
    code: 'CORDON_HANDLER_INVALID',
    says: /no `fetch` handler/,
  },
  {
    title: 'a function with a source but without its handler',
    files: {
      'cordon.jsonc': SOURCES,
      'src/main.ts': 'export default { fetch() {}, scheduled() {} };',
    },
    code: 'CORDON_HANDLER_INVALID',
    says: /takes events with `queue`, but src\/main\.ts exports no `queue` handler/,
  },
];

test('what cannot be deployed is refused at its place, and nothing is left of it', async (t) => {
  const { deployer, catalogue, leftovers } = await setUp(t);
  for (const { title, files, code, says, place } of REFUSED) {
    await t.test(title, async () => {
      const archive = await filesTar({ 'cordon.jsonc': manifestText(), 'src/main.ts': HELLO, ...files });
      const error = await failureOf(deployer.deploy('shop', archive, live));
      assert.equal(error.code, code);
      assert.match(error.message, says);
      assert.doesNotMatch(JSON.stringify([error.message, error.details]), /stg_/);
      if (place !== undefined) {
        const [problem] = error.details['problems'] as { file: string; line: number; column: number }[];
        assert.deepEqual([problem?.file, problem?.line, problem?.column], place);
      }
      assert.deepEqual(catalogue.apps(), []);
      assert.deepEqual(await leftovers(), []);
    });
  }
  const fine = await filesTar({ 'cordon.jsonc': manifestText(), 'src/main.ts': HELLO });
  await deployer.deploy('shop', fine, live);
  const handled = 'export default { scheduled() {}, queue() {} };';
  await deployer.deploy('shop', await filesTar({ 'cordon.jsonc': SOURCES, 'src/main.ts': handled }), live);
});

for (const confines of [true, false]) {
  test(`no import reaches the sources of another deploy or the machine (${confines ? 'sandboxed' : 'plain'})`, async (t) => {
    const { deployer, folder, leftovers } = await setUp(t, { confines });
    await writeTree(folder, {
      'staging/build/sources/stg_victim/secret.js': 'export const secret = "SEALED";',
      'staging/build/sources/stg_victim/broken.js': 'const SEALED = = 1;',
      'staging/unpacked/stg_victim/secret.js': 'export const secret = "SEALED";',
    });
    const guesses = [
      `import { secret } from '../../stg_victim/secret.js'`,
      `import { secret } from '../../stg_victim/broken.js'`,
      `import { secret } from '../../../../unpacked/stg_victim/secret.js'`,
      `const secret = await import(\`../../\${Math.random()}/secret.js\`)`,
      `import secret from '/etc/os-release' with { type: 'text' }`,
    ];
    for (const [index, guess] of guesses.entries()) {
      const archive = await filesTar({
        'cordon.jsonc': manifestText(),
        'src/main.ts': `${guess};\nexport default { fetch: () => secret };`,
      });
      const outcome = await deployer.deploy('shop', archive, live).catch((thrown: unknown) => thrown);
      assert.ok(outcome instanceof CordonError, `guess ${index} was deployed`);
      assert.match(outcome.code, /^CORDON_(IMPORT_MISSING|BUNDLE_FAILED)$/);
      assert.doesNotMatch(JSON.stringify([outcome.message, outcome.details]), /SEALED/);
    }
    assert.deepEqual(await leftovers(), ['stg_victim', 'stg_victim']);
    const fine = await filesTar({
      'cordon.jsonc': manifestText(),
      'src/main.ts': `import './own.ts';\n${HELLO}`,
      'src/own.ts': '',
    });
    await deployer.deploy('shop', fine, live);
  });
}
