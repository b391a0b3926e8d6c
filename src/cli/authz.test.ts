import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { startControl, type Harness } from '../control/control.fixture.ts';
import { cordon, temporaryFolder, type Outcome } from './cli.fixture.ts';

const POLICY = '@id("own")\npermit (principal, action, resource) when { principal.subject == "ana" };\n';
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

function run(...argv: string[]): Promise<Outcome> {
  const env = { CORDON_URL: control.url, CORDON_TOKEN: control.token };
  return cordon(['authz', ...argv], { cwd: folder.path, env });
}

/** An app whose one route names policies. */
async function write(name: string, policies: string | Uint8Array | null): Promise<void> {
  const route = { path: '/orders/:id', methods: ['GET'], auth: { jwt: 'customers' }, allow: 'orders.cedar' };
  const manifest = {
    name,
    auth: { jwt: { customers: { issuer: 'https://issuer.example', audience: 'shop' } } },
    functions: {
      orders: { entry: 'orders.ts', routes: [policies === null ? { ...route, allow: undefined } : route] },
    },
  };
  await mkdir(join(folder.path, name), { recursive: true });
  await writeFile(join(folder.path, name, 'cordon.jsonc'), JSON.stringify(manifest));
  if (policies !== null) await writeFile(join(folder.path, name, 'orders.cedar'), policies);
}

test('explain describes a request and prints the decision with its policies and what they read', async () => {
  const { code, stdout, stderr } = await run(
    ...['explain', 'shop', '/orders/17', '-X', 'put', '--subject', 'ana', '--scope', 'a', '--scope', 'b'],
    ...['--claim', 'level=3', '--claim', 'roles=x', '--claim', 'roles=y=z', '--auth', 'jwt:customers'],
    ...['--resource', '{"owner":"ana"}', '--address', '192.0.2.7', '--insecure', '--host', 'shop.example'],
  );
  assert.deepEqual([code, stderr], [0, '']);
  assert.deepEqual(control.explained.at(-1)?.request, {
    method: 'PUT',
    path: '/orders/17',
    host: 'shop.example',
    auth: 'jwt:customers',
    subject: 'ana',
    scopes: ['a', 'b'],
    claims: { level: '3', roles: ['x', 'y=z'] },
    resource: { owner: 'ana' },
    address: '192.0.2.7',
    secure: false,
  });
  assert.match(stdout, /^allow: these policies permit it\n {2}principal {2}User::"jwt:customers\/ana"\n/);
  assert.match(stdout, /\npermit own \(orders\.cedar:3\)\n {2}@id\("own"\)\n {2}permit \(principal/);
  assert.match(stdout, /\n {2}entity {3}\{"uid":\{"type":"Order","id":"17"\},"attrs":\{"owner":"ana"\}/);
});

test('explain exits with 1 where the policies deny, and prints one JSON document with --json', async () => {
  const denied = await run('explain', 'shop', '/orders/17', '--subject', 'bob');
  assert.deepEqual([denied.code, denied.stderr], [1, '']);
  assert.match(denied.stdout, /^deny: no policy permits it\n/);
  const { code, stdout } = await run('explain', 'shop', '/orders/17', '--subject', 'bob', '--json');
  const { app, decision } = JSON.parse(stdout) as { app: string; decision: { outcome: string } };
  assert.deepEqual([code, app, decision.outcome], [1, 'shop', 'deny']);
});

test('options that cannot be read are errors of usage', async () => {
  const asked = control.explained.length;
  for (const wrong of [
    ['--claim', 'level'],
    ['--claim', '=3'],
    ['--resource', 'owner=ana'],
    ['--resource', '["ana"]'],
    ['--resource', 'null'],
  ])
    assert.equal((await run('explain', 'shop', '/orders/17', ...wrong)).code, 2, wrong.join(' '));
  assert.equal((await run('explain', 'shop')).code, 2);
  assert.equal(control.explained.length, asked);
  assert.match((await run('explain', 'other', '/orders/17')).stderr, /^error CORDON_APP_UNKNOWN/);
});

test('check says that policies are valid, or where they are not', async () => {
  await write('valid', POLICY);
  const valid = await run('check', 'valid');
  assert.deepEqual([valid.code, valid.stdout, valid.stderr], [0, 'orders.cedar is valid\n', '']);
  await write('wrong', POLICY.replace('subject', 'name'));
  const wrong = await run('check', 'wrong');
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /^error CORDON_POLICY_INVALID: .*1 problem\./);
  assert.match(wrong.stderr, /orders\.cedar:2:45: own: attribute `name` on entity type `User` not found\./);
  const asJson = await run('check', 'wrong', '--json');
  const { error } = JSON.parse(asJson.stderr) as { error: { details: { problems: unknown[] } } };
  assert.equal(error.details.problems.length, 1);
});

test('check warns of a file that refuses everyone, and says where there are no policies', async () => {
  await write('empty', '');
  const empty = await run('check', 'empty');
  assert.equal(empty.code, 0);
  assert.match(
    empty.stderr,
    /^warning: orders\.cedar holds no policy, so that its routes refuse everyone\n$/,
  );
  await write('free', null);
  assert.match((await run('check', 'free')).stdout, /^no route has `allow`/);
});

test('check refuses a file that is missing, too large or not text, as a deploy does', async () => {
  const bytesMax = LIMITS.manifestFileBytesMax.value;
  await write('largest', POLICY.padEnd(bytesMax));
  assert.match((await run('check', 'largest')).stderr, /^error CORDON_POLICY_INVALID: /);
  const wrong = [POLICY.padEnd(bytesMax + 1), Buffer.from([0xff, 0xfe])];
  for (const policies of wrong) {
    await write('refused', policies);
    assert.match(
      (await run('check', 'refused')).stderr,
      /^error CORDON_MANIFEST_FILE: .*(?:too large|not text)/,
    );
  }
  await write('missing', POLICY);
  await rm(join(folder.path, 'missing', 'orders.cedar'));
  assert.match((await run('check', 'missing')).stderr, /^error CORDON_MANIFEST_FILE: .*cannot be read/);
  assert.match((await run('check', 'nowhere')).stderr, /^error CORDON_MANIFEST_MISSING/);
});

test('schema prints what policies may ask for', async () => {
  await write('valid', POLICY);
  const { code, stdout } = await run('schema', 'valid');
  assert.equal(code, 0);
  assert.match(stdout, /action "GET \/orders\/:id" in \[Action::"read", Action::"orders"\] appliesTo/);
  const asJson = JSON.parse((await run('schema', 'valid', '--json')).stdout) as {
    schema: Record<string, object>;
  };
  assert.ok(asJson.schema['']);
  await write('free', null);
  const free = await run('schema', 'free');
  assert.deepEqual([free.code, free.stdout], [0, '']);
  assert.match(free.stderr, /no route has `allow`/);
});
