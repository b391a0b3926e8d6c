/** What guards a route and cannot work is refused by the deploy, and what was live before goes on. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { makeAuthority } from '../../src/identity/mtls/certificates.fixture.ts';
import { type Platform, usePlatform, writeText } from './platform.ts';

const SOURCE = `export default { fetch: () => new Response('in') };`;
const OPEN = { path: '/refused', auth: 'public' };
const MACHINES = { mtls: { machines: { ca: 'ca.pem' } } };

const platform = usePlatform([], [], async (started: Platform) => {
  await started.deploy(await appWith(started, 'first', [], {}));
});

/** Writes the app with these routes and files besides its own. */
async function appWith(
  { home }: Platform,
  folderName: string,
  routes: readonly object[],
  files: Readonly<Record<string, string>>,
  auth: object = {},
): Promise<string> {
  const folder = join(home.folder, folderName);
  const functions = { main: { entry: 'src/main.ts', routes: [OPEN, ...routes] } };
  await writeText(join(folder, 'cordon.jsonc'), JSON.stringify({ name: 'refused', auth, functions }));
  await writeText(join(folder, 'src/main.ts'), SOURCE);
  for (const [name, text] of Object.entries(files)) await writeText(join(folder, name), text);
  return folder;
}

test('an authority, policy or schema that cannot work refuses the deploy, with its place', async () => {
  const expired = await makeAuthority({ notAfter: new Date(Date.now() - 1000) });
  const machine = { path: '/machine', auth: { mtls: 'machines' } };
  const body = { path: '/body', methods: ['POST'], auth: 'public', body: 'order.json' };
  const policy = { path: '/policy', auth: 'public', allow: 'rules.cedar' };
  const bomb = '{"type":"string","pattern":"(?:a{1,900}){1,900}"}';
  const cases: [string, object, Record<string, string>, object, RegExp][] = [
    ['pem', machine, { 'ca.pem': 'no certificate' }, MACHINES, /CORDON_AUTH_INVALID.*ca\.pem/],
    ['expired', machine, { 'ca.pem': expired.pem }, MACHINES, /CORDON_AUTH_INVALID.*ca\.pem/],
    ['missing', machine, {}, MACHINES, /CORDON_MANIFEST_FILE.*ca\.pem/],
    ['policy', policy, { 'rules.cedar': 'permit (nonsense' }, {}, /CORDON_POLICY_INVALID.*rules\.cedar/s],
    ['schema', body, { 'order.json': bomb }, {}, /CORDON_SCHEMA_INVALID.*order\.json/],
    ['large', body, { 'order.json': `{}${' '.repeat(256 * 1024)}` }, {}, /CORDON_MANIFEST_FILE.*order\.json/],
  ];
  for (const [folderName, route, files, auth, says] of cases) {
    const folder = await appWith(platform(), folderName, [route], files, auth);
    const { code, stdout, stderr } = await platform().home.run('deploy', folder, '--json');
    assert.equal(code, 1, `${folderName}: ${stdout}${stderr}`);
    assert.match(`${stdout}${stderr}`, says, folderName);
    assert.equal(await platform().text('/refused'), 'in');
  }
  const working = await appWith(platform(), 'working', [body], { 'order.json': '{"type":"object"}' });
  await platform().deploy(working);
  const answer = await platform().fetch('/body', { method: 'POST', body: '[]' });
  assert.equal(answer.status, 415);
});

test('an issuer that is out of reach when the first token comes lets nobody in, and the server goes on', async () => {
  const closed = createServer();
  closed.listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const issuer = `http://127.0.0.1:${(closed.address() as AddressInfo).port}`;
  closed.close();
  await once(closed, 'close');
  const auth = { jwt: { customers: { issuer, audience: 'shop', unsafePrivate: true } } };
  const route = { path: '/token', auth: { jwt: 'customers' } };
  await platform().deploy(await appWith(platform(), 'issuer', [route], {}, auth));
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: issuer, aud: 'shop', sub: 'ada', exp: Math.floor(Date.now() / 1000) + 60 };
  const signature = Buffer.alloc(64).toString('base64url');
  const token = `${part({ alg: 'EdDSA', kid: 'one' })}.${part(claims)}.${signature}`;
  const shown = await platform().fetch('/token', { headers: { authorization: `Bearer ${token}` } });
  assert.equal(shown.status, 401);
  assert.equal(await platform().text('/refused'), 'in');
});
