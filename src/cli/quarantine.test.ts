import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { startControl, type Harness } from '../control/control.fixture.ts';
import { cordon, temporaryFolder, type Outcome } from './cli.fixture.ts';

const ID = '1'.repeat(32);
const bytes = randomBytes(LIMITS.rejectedPieceBytesMax.value + 7);
let control: Harness;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

before(async () => {
  control = await startControl();
  folder = await temporaryFolder();
  control.rejectedObjects.add(ID, 'in/\u001b[31m\nforged.gif', bytes);
});
after(async () => {
  await control.close();
  await folder.remove();
});

function run(...argv: readonly string[]): Promise<Outcome> {
  const env = { CORDON_URL: control.url, CORDON_TOKEN: control.token };
  return cordon(['quarantine', ...argv], { cwd: folder.path, env });
}

test('list and show print what was rejected, and nobody’s key steers the terminal', async () => {
  const { code, stdout } = await run('list');
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`${ID} +2023-11-14 22:13:20 +polyglot +${bytes.length} +photos`));
  const shown = await run('show', ID);
  assert.match(shown.stdout, /found +image\/gif with markup/);
  for (const text of [stdout, shown.stdout]) {
    assert.ok(!text.includes('\u001b'));
    assert.doesNotMatch(text, /^forged/m);
  }
  const json = JSON.parse((await run('list', '--json')).stdout) as { objects: { id: string }[] };
  assert.deepEqual(
    json.objects.map(({ id }) => id),
    [ID],
  );
});

test('save writes the bytes into a new file for its owner, and never over one', async () => {
  const saved = await run('save', ID, 'sample.bin');
  assert.equal(saved.code, 0, saved.stderr);
  const path = join(folder.path, 'sample.bin');
  assert.deepEqual(await readFile(path), bytes);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await run('save', ID, 'sample.bin')).code, 2);
  assert.equal((await run('save', '2'.repeat(32), 'other.bin')).code, 1);
  await assert.rejects(stat(join(folder.path, 'other.bin')), { code: 'ENOENT' });
});

test('drop removes one, and says when there is none', async () => {
  assert.equal((await run('drop', ID)).code, 0);
  assert.equal(control.rejectedObjects.held.length, 0);
  const again = await run('drop', ID);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /CORDON_UPLOAD_UNKNOWN|no rejected object/);
  assert.equal((await run('list')).stdout, 'no rejected uploads\n');
});
