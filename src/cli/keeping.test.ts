import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { startControl, type Harness } from '../control/control.fixture.ts';
import { localWrapper } from '../vault/vault.fixture.ts';
import { cordon, temporaryFolder, type Outcome, type RunInput } from './cli.fixture.ts';

let control: Harness;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let adoptions = 0;

before(async () => {
  const next = localWrapper(7);
  const adopt = async (): Promise<string> => `keep a copy, ${(adoptions += 1)}`;
  control = await startControl({ master: { next: async () => next, adopt } });
  folder = await temporaryFolder();
});

after(async () => {
  await control.close();
  await folder.remove();
});

function run(argv: readonly string[], input: RunInput = {}): Promise<Outcome> {
  const env = { CORDON_URL: control.url, CORDON_TOKEN: control.token };
  return cordon(argv, { cwd: folder.path, ...input, env });
}

test('secret set reads stdin or a file, without the line break at the end, and prints no value', async () => {
  const made = await run(['secret', 'set', 'API_KEY'], { stdin: 'sk_one\n' });
  assert.deepEqual([made.code, made.stdout, made.stderr], [0, 'set API_KEY\n', '']);
  assert.equal(await control.secrets.get('default', 'API_KEY'), 'sk_one');
  await writeFile(join(folder.path, 'key.pem'), 'line 1\nline 2\n\n');
  const argv = ['secret', 'set', 'PEM', '--from-file', 'key.pem'];
  const json = await run([...argv, '--json']);
  assert.doesNotMatch(json.stdout, /line/);
  assert.equal((JSON.parse(json.stdout) as { name: string }).name, 'PEM');
  assert.equal(await control.secrets.get('default', 'PEM'), 'line 1\nline 2\n');
  assert.equal((await run(argv)).stdout, 'set PEM\n');
});

test('secret set asks at a terminal and does not show what is typed', async () => {
  const { code, stdout, stderr } = await run(['secret', 'set', 'TYPED'], {
    stdin: 'sk_typed\n',
    stdinTty: true,
  });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /Value of TYPED \(not shown\)/);
  assert.doesNotMatch(stdout + stderr, /sk_/);
  assert.equal(await control.secrets.get('default', 'TYPED'), 'sk_typed');
});

test('secret set refuses what is no secret', async () => {
  const most = LIMITS.secretValueBytesMax.value;
  const refused = async (argv: readonly string[], stdin: string | Uint8Array): Promise<string> => {
    const { code, stdout, stderr } = await run(['secret', 'set', ...argv], { stdin });
    assert.equal(stdout, '');
    assert.equal(code, argv.includes('--from-file') ? 2 : 1, stderr);
    return stderr;
  };
  assert.match(await refused(['EMPTY'], '\n'), /CORDON_SECRET_INVALID: Cannot set EMPTY: its value is empty/);
  assert.match(await refused(['BIG'], 'x'.repeat(most + 1)), /CORDON_(SECRET|INPUT)_INVALID/);
  assert.match(await refused(['BIG'], 'x'.repeat(most * 2)), /more than 65536 bytes/);
  assert.match(await refused(['BYTES'], new Uint8Array([0xff])), /not text in UTF-8/);
  assert.match(await refused(['lower'], 'x'), /CORDON_INPUT_INVALID/);
  assert.match(await refused(['A', '--from-file', 'nope'], ''), /Cannot read the value from .*nope/);
  assert.equal((await run(['secret', 'set', 'BIG'], { stdin: `${'x'.repeat(most)}\n` })).code, 0);
});

test('secret list shows names and times only, and delete deletes', async () => {
  await run(['secret', 'set', 'LISTED'], { stdin: 'sk_listed' });
  const listed = await run(['secret', 'list']);
  assert.match(listed.stdout, /^NAME +CREATED +UPDATED\n[\s\S]*LISTED +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);
  assert.doesNotMatch(listed.stdout + (await run(['secret', 'list', '--json'])).stdout, /sk_/);
  assert.equal((await run(['secret', 'delete', 'LISTED'])).stdout, 'deleted LISTED\n');
  const again = await run(['secret', 'delete', 'LISTED']);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /CORDON_SECRET_UNKNOWN[\s\S]*next: List the secrets/);
});

test('key rotate waits for the end and says what was sealed anew', async () => {
  await run(['secret', 'set', 'ROTATED'], { stdin: 'v' });
  const { code, stdout, stderr } = await run(['key', 'rotate']);
  assert.equal(code, 0, stderr);
  assert.match(
    stdout,
    / {2}secrets\.value {2}\d+ looked at {2}\d+ sealed anew\nrotated: data key 2 is in use\n/,
  );
  const json = JSON.parse((await run(['key', 'rotate', '--json'])).stdout) as {
    state: string;
    version: number;
  };
  assert.deepEqual([json.state, json.version], ['done', 3]);
});

test('key rotate --master changes the master key and says what to do about it', async () => {
  const { code, stdout, stderr } = await run(['key', 'rotate', '--master']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /rotated: the new master key wraps 3 data keys/);
  assert.match(stderr, /keep a copy, 1/);
});

test('key rotate fails with the reason, and finds what could not be opened', async () => {
  await control.store.commit([
    { sql: `UPDATE secrets SET value = x'00' WHERE name = 'ROTATED'`, parameters: [] },
  ]);
  const broken = await run(['key', 'rotate']);
  assert.equal(broken.code, 1);
  assert.match(broken.stdout, /1 broken/);
  assert.match(broken.stderr, /warning: 1 values could not be opened/);
});
