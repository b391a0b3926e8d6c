import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { deploymentOf, idOf, startControl, type Harness } from '../control/control.fixture.ts';
import { NO_AUTH } from '../manifest/index.ts';
import { cordon, temporaryFolder, type Outcome } from './cli.fixture.ts';

let control: Harness;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

before(async () => {
  control = await startControl();
  folder = await temporaryFolder();
  const deployment = deploymentOf('shop', idOf('dddddddddddd'));
  const auth = { ...NO_AUTH, apiKey: { partners: { scopes: ['read', 'write'] } } };
  control.catalogue.add({ ...deployment, manifest: { ...deployment.manifest, auth } }, null);
});

after(async () => {
  await control.close();
  await folder.remove();
});

function run(...argv: readonly string[]): Promise<Outcome> {
  const env = { CORDON_URL: control.url, CORDON_TOKEN: control.token };
  return cordon(['key', ...argv], { cwd: folder.path, env });
}

const create = ['create', '--app', 'shop', '--auth', 'partners', '--name', 'of Ada'];
const realm = { project: 'default', app: 'shop', authenticator: 'partners' };

test('key create prints the key alone to stdout, and list and revoke know it by its id', async () => {
  const made = await run(...create, '--scope', 'read', '--scope', 'write', '--expires', '90d');
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /^cordon_[0-9a-z]{8}_[0-9A-Za-z]{49}\n$/);
  assert.match(made.stderr, /it is not shown again/);
  const key = made.stdout.trim();
  const info = control.apiKeys.verify(key, realm);
  assert.ok(typeof info !== 'string');
  assert.deepEqual(info.scopes, ['read', 'write']);
  assert.ok(Math.abs((info.expiresAt ?? 0) - Date.now() - 90 * 86_400_000) < 60_000);
  const listed = await run('list', '--app', 'shop');
  assert.match(
    listed.stdout,
    new RegExp(`^ID +APP[\\s\\S]*${info.id} +shop +partners +of Ada +read write +\\d`),
  );
  assert.doesNotMatch(listed.stdout + (await run('list', '--json')).stdout, /cordon_/);
  assert.equal((await run('list', '--app', 'other')).stdout, 'no API keys\n');
  assert.equal((await run('revoke', info.id)).stdout, `revoked ${info.id} (of Ada)\n`);
  assert.equal(control.apiKeys.verify(key, realm), 'there is no such key');
  const again = await run('revoke', info.id);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /CORDON_API_KEY_UNKNOWN[\s\S]*next: List the keys/);
});

test('key create --json tells all of the key', async () => {
  const made = JSON.parse((await run(...create, '--expires', '2999-01-31', '--json')).stdout) as {
    id: string;
    key: string;
    expiresAt: number;
  };
  assert.ok(made.key.startsWith(`cordon_${made.id}_`));
  assert.equal(made.expiresAt, Date.parse('2999-01-31'));
});

test('a key that cannot be made is refused before or by the server', async () => {
  for (const more of [
    ['--expires', 'soon'],
    ['--expires', '2001-01-01'],
    ['--expires', '0d'],
    ['--expires', '-1d'],
    ['--expires', '2999-02-31x'],
  ]) {
    const { code, stdout } = await run(...create, ...more);
    assert.deepEqual([code, stdout], [2, ''], more.join(' '));
  }
  for (const missing of [['create'], create.slice(0, 5), ['revoke']])
    assert.equal((await run(...missing)).code, 2);
  const other = await run(...create, '--scope', 'admin');
  assert.equal(other.code, 1);
  assert.match(other.stderr, /CORDON_API_KEY_INVALID: .*does not list the scope "admin"/);
  assert.equal((await run('revoke', '../x')).code, 1);
});

test('the help and the completion know the commands', async () => {
  const help = await run('create', '--help');
  assert.match(help.stdout, /cordon key create --app shop --auth partners --name ci --expires 90d > key.txt/);
  const completion = await cordon(['completion', 'bash'], { cwd: folder.path });
  assert.match(completion.stdout, /create list revoke rotate/);
});
