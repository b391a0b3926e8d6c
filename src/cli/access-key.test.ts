import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startControl, type Harness } from '../control/control.fixture.ts';
import { cordon, temporaryFolder, type Outcome } from './cli.fixture.ts';

let control: Harness;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

before(async () => {
  control = await startControl();
  folder = await temporaryFolder();
});

after(async () => {
  await control.close();
  await folder.remove();
});

function run(...argv: readonly string[]): Promise<Outcome> {
  const env = { CORDON_URL: control.url, CORDON_TOKEN: control.token };
  return cordon(['access-key', ...argv], { cwd: folder.path, env });
}

const create = ['create', '--name', 'camera', '--bucket', 'photos', '--prefix', 'in/', '--can', 'put'];

test('create prints what clients of S3 read, and list and revoke know the key by its id', async () => {
  const made = await run(...create, '--can', 'get', '--expires', '90d');
  assert.equal(made.code, 0, made.stderr);
  assert.match(
    made.stdout,
    /^AWS_ACCESS_KEY_ID=CORDON[A-Z2-7]{14}\nAWS_SECRET_ACCESS_KEY=[A-Za-z0-9+/]{40}\n$/,
  );
  assert.match(made.stderr, /it is not shown again/);
  const [id = '', secret = ''] = made.stdout.split('\n').map((line) => line.replace(/^[^=]*=/, ''));
  assert.equal((await control.accessKeys.find(id))?.secret.reveal(), secret);
  const listed = await run('list');
  assert.match(listed.stdout, new RegExp(`^ID +NAME[\\s\\S]*${id} +camera +photos +in/ +put get +\\d`));
  assert.ok(!(listed.stdout + (await run('list', '--json')).stdout).includes(secret));
  assert.equal((await run('revoke', id)).stdout, `revoked ${id} (camera)\n`);
  const again = await run('revoke', id);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /CORDON_ACCESS_KEY_UNKNOWN[\s\S]*next: List the keys/);
  assert.equal((await run('list')).stdout, 'no access keys\n');
});

test('create refuses an operation that there is not, and a key for no bucket', async () => {
  assert.equal((await run(...create, '--can', 'everything')).code, 2);
  assert.equal((await run('create', '--name', 'camera', '--can', 'put')).code, 2);
  assert.equal((await run(...create, '--bucket', '*')).code, 1);
});

test('presign prints a URL alone, for what the key may do', async () => {
  const { id } = JSON.parse((await run(...create, '--json')).stdout) as { id: string };
  const signed = await run('presign', 'photos/in/cat.png', '--method', 'PUT', '--expires', '30m');
  assert.equal(signed.code, 0, signed.stderr);
  assert.match(
    signed.stdout,
    /^http:\/\/127\.0\.0\.1:8082\/photos\/in\/cat\.png\?.*X-Amz-Expires=1800&[^\n]*\n$/,
  );
  assert.match(signed.stderr, new RegExp(`For PUT until .* signed with ${id}`));
  const refused = await run('presign', 'photos/in/cat.png');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /CORDON_ACCESS_KEY_INVALID.*no access key that may get/);
  for (const object of ['photos', '/photos', 'photos/'])
    assert.equal((await run('presign', object, '--method', 'PUT')).code, 2);
  assert.equal((await run('presign', 'photos/in/a', '--method', 'PUT', '--expires', 'soon')).code, 2);
  await run('revoke', id);
});

test('post-form prints the fields of a form', async () => {
  const { id } = JSON.parse((await run(...create, '--json')).stdout) as { id: string };
  const options = ['--max', '10MiB', '--type', 'image/*', '--endpoint', 'https://files.example.org'];
  const signed = await run('post-form', 'photos/in/', ...options);
  assert.equal(signed.code, 0, signed.stderr);
  assert.match(
    signed.stdout,
    /^key=in\/\$\{filename\}\nx-amz-algorithm=[\s\S]*\nx-amz-signature=[0-9a-f]{64}\n$/,
  );
  assert.match(signed.stderr, /POST to https:\/\/files\.example\.org\/photos, the file last/);
  const policy = /^policy=(.*)$/m.exec(signed.stdout)?.[1] ?? '';
  assert.match(Buffer.from(policy, 'base64').toString(), /\["content-length-range",0,10485760\]/);
  const leading = await run('post-form', 'photos/in/', ...options, '--redirect', 'https://example.org/done');
  assert.match(leading.stdout, /^success_action_redirect=https:\/\/example\.org\/done$/m);
  assert.equal((await run('post-form', 'photos/in/', ...options, '--redirect', 'javascript:1')).code, 1);
  assert.equal((await run('post-form', 'photos/in/')).code, 2);
  assert.equal((await run('post-form', 'photos/in/', '--max', 'much')).code, 2);
  assert.equal((await run('post-form', 'photos/out/', ...options)).code, 1);
  await run('revoke', id);
});
