import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { failureOf, filesTar, HELLO, live, setUp } from './deploy.fixture.ts';

const BYTES_MAX = LIMITS.manifestFileBytesMax.value;
const COUNT_MAX = LIMITS.manifestFilesMax.value;

/** An app whose routes name these files. */
function appWith(names: readonly string[], files: Readonly<Record<string, string | Uint8Array>>) {
  const routes = Array.from({ length: Math.ceil(names.length / 3) }, (_, i) => {
    const [query, headers, body] = names.slice(i * 3);
    return { path: `/${i}`, auth: 'public', query, headers, body };
  });
  const manifest = { name: 'shop', functions: { main: { entry: 'src/main.ts', routes } } };
  return filesTar({ 'cordon.jsonc': JSON.stringify(manifest), 'src/main.ts': HELLO, ...files });
}

const blanks = (bytes: number): string => `{}${' '.repeat(bytes - 2)}`;
const several = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`schemas/${i}.json`, '{}']));

test('files that the manifest names belong to the deployment, with their text', async (t) => {
  const { deployer } = await setUp(t);
  const archive = await appWith(['a.json'], { 'a.json': '{"title":"é"}' });
  const { deployment } = await deployer.deploy('shop', archive, live);
  assert.deepEqual(deployment.manifest.files, { 'a.json': '{"title":"é"}' });
  const changed = await appWith(['a.json'], { 'a.json': '{"title":"e"}' });
  assert.notEqual((await deployer.deploy('shop', changed, live)).deployment.id, deployment.id);
});

test('a file that is missing, is a folder or is no text refuses the deploy, and nothing is left of it', async (t) => {
  const { deployer, catalogue, leftovers } = await setUp(t);
  const cases: [Record<string, string | Uint8Array>, RegExp][] = [
    [{}, /names a\.json, which cannot be read/],
    [{ 'a.json/b': '{}' }, /names a\.json, which cannot be read/],
    [{ 'a.json': Uint8Array.from([0x7b, 0xff, 0x7d]) }, /names a\.json, which is not text in UTF-8/],
    [{ 'a.json': Uint8Array.from([0xed, 0xa0, 0x80]) }, /not text in UTF-8/],
  ];
  for (const [files, says] of cases) {
    const error = await failureOf(deployer.deploy('shop', await appWith(['a.json'], files), live));
    assert.equal(error.code, 'CORDON_MANIFEST_FILE');
    assert.match(error.message, says);
    assert.doesNotMatch(JSON.stringify([error.message, error.details]), /stg_/);
    assert.deepEqual(catalogue.apps(), []);
    assert.deepEqual(await leftovers(), []);
  }
});

test('a file of the greatest size is taken, and one byte more is refused', async (t) => {
  const { deployer } = await setUp(t);
  const large = await appWith(['a.json'], { 'a.json': blanks(BYTES_MAX + 1) });
  const error = await failureOf(deployer.deploy('shop', large, live));
  assert.equal(error.code, 'CORDON_MANIFEST_FILE');
  assert.match(error.message, new RegExp(`larger than ${BYTES_MAX} bytes`));
  await deployer.deploy('shop', await appWith(['a.json'], { 'a.json': blanks(BYTES_MAX) }), live);
});

test('the greatest number of files is taken, and one more is refused', async (t) => {
  const { deployer } = await setUp(t);
  const many = several(COUNT_MAX + 1);
  const error = await failureOf(deployer.deploy('shop', await appWith(Object.keys(many), many), live));
  assert.equal(error.code, 'CORDON_MANIFEST_FILE');
  assert.match(error.message, new RegExp(`${COUNT_MAX + 1} files; at most ${COUNT_MAX}`));
  const most = several(COUNT_MAX);
  await deployer.deploy('shop', await appWith(Object.keys(most), most), live);
});
