/** A whole login through the gateway, at a provider that is certified, in a browser that is a jar of cookies. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { Provider } from 'oidc-provider';
import { Person } from '../../src/identity/oidc/person.fixture.ts';
import { ServerProcess } from '../../tools/server-process.ts';
import { errorOf, type Platform, usePlatform, writeText } from './platform.ts';

const SOURCE = `
export default {
  fetch(request: Request): Response {
    const identity = JSON.parse(request.headers.get('x-cordon-identity') ?? 'null');
    const headers = { 'set-cookie': 'cordon-intranet.staff=of-somebody-else' };
    return Response.json({ identity, cookie: request.headers.get('cookie') }, { headers });
  },
};`;
const LOGOUT = '/.cordon/auth/intranet/staff/logout';
const SESSION = 'cordon-intranet.staff';

let handle: (request: IncomingMessage, response: ServerResponse) => Promise<void> = () => Promise.resolve();
const provider = createServer((request, response) => void handle(request, response));
const platform = usePlatform([], [], async (started: Platform) => {
  provider.listen(0, '127.0.0.1');
  await once(provider, 'listening');
  const issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  handle = providerAt(issuer, started.server.gatewayUrl).callback();
  const folder = join(started.home.folder, 'intranet');
  const staff = { issuer, clientId: 'intranet', scopes: ['email'], claims: { email: 'string' } };
  const routes = [{ path: '/pages/*', auth: { oidc: 'staff' } }];
  const manifest = {
    name: 'intranet',
    auth: { oidc: { staff: { ...staff, unsafePrivate: true } } },
    functions: { main: { entry: 'src/main.ts', routes } },
  };
  await writeText(join(folder, 'cordon.jsonc'), JSON.stringify(manifest));
  await writeText(join(folder, 'src/main.ts'), SOURCE);
  await started.deploy(folder);
});

after(() => {
  provider.closeAllConnections();
  provider.close();
});

function providerAt(issuer: string, gatewayUrl: string): Provider {
  return new Provider(issuer, {
    clients: [
      {
        client_id: 'intranet',
        token_endpoint_auth_method: 'none',
        redirect_uris: [`${gatewayUrl}/.cordon/auth/intranet/staff/callback`],
        response_types: ['code'],
        grant_types: ['authorization_code'],
      },
    ],
    pkce: { required: () => true },
    claims: { openid: ['sub'], email: ['email'] },
    conformIdTokenClaims: false,
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com` }),
    }),
    cookies: { keys: ['a key for tests'] },
  });
}

const urlOf = (path: string): string => platform().server.gatewayUrl + path;

/** Somebody who has logged in, and the cookie that says so. */
async function loggedIn(): Promise<{ person: Person; cookie: string }> {
  const person = new Person();
  const page = await person.logIn(urlOf('/pages/1?a=b'), 'jo');
  assert.equal(page.url, urlOf('/pages/1?a=b'));
  assert.equal(page.status, 200, page.text);
  const session = person.cookiesOf(platform().server.gatewayUrl).get(SESSION) ?? '';
  return { person, cookie: `${SESSION}=${session}` };
}

test('a browser is led from a page through the login and back, and the function is told who it is', async () => {
  const { person } = await loggedIn();
  const page = await person.go(urlOf('/pages/2'));
  const { identity, cookie } = JSON.parse(page.text) as {
    identity: Record<string, unknown>;
    cookie: string | null;
  };
  assert.equal(identity['authenticator'], 'oidc:staff');
  assert.equal(identity['subject'], 'jo');
  assert.deepEqual(identity['claims'], { email: 'jo@example.com' });
  assert.equal(cookie, null, 'the session stays at the gateway');
  // The function has tried to set the session each time.
  assert.equal((await person.go(urlOf('/pages/3'))).status, 200);
});

test('a program is refused where a browser is led to the login, and a forged session is none', async () => {
  const program = await fetch(urlOf('/pages/1'), { redirect: 'manual' });
  assert.equal(program.status, 401);
  const { cookie } = await loggedIn();
  const forged = cookie.slice(0, -4) + (cookie.endsWith('AAAA') ? 'BBBB' : 'AAAA');
  for (const sent of [forged, `${cookie}; ${cookie}`, `${SESSION}=`]) {
    assert.equal((await fetch(urlOf('/pages/1'), { headers: { cookie: sent } })).status, 401);
  }
  assert.equal((await fetch(urlOf('/pages/1'), { headers: { cookie } })).status, 200);
});

test('a session speaks for nothing that another site sends', async () => {
  const { cookie } = await loggedIn();
  const post = (headers: Record<string, string>): Promise<Response> =>
    fetch(urlOf('/pages/1'), { method: 'POST', body: 'x', headers: { cookie, ...headers } });
  // Not what fetch says of itself, which has no origin here.
  const own = platform().server.gatewayUrl;
  assert.equal((await post({ origin: own, 'sec-fetch-site': 'same-origin' })).status, 200);
  assert.equal((await post({ origin: 'https://evil.example' })).status, 401);
  assert.equal((await post({ origin: own, 'sec-fetch-site': 'same-site' })).status, 401);
  assert.equal((await post({ origin: 'null' })).status, 401);
  assert.equal((await post({})).status, 401);
});

test('a session survives a restart of the server', async () => {
  const { person } = await loggedIn();
  const started = platform();
  await started.server.stop();
  started.server = await ServerProcess.start(started.home, { after: started.server });
  const page = await person.go(urlOf('/pages/1'));
  assert.equal(page.status, 200);
  assert.equal(page.url, urlOf('/pages/1'), 'nobody was asked to log in');
});

test('a logout ends the session for whoever holds its cookie, also after a restart', async () => {
  const { person, cookie } = await loggedIn();
  const forged = await fetch(urlOf(LOGOUT), {
    method: 'POST',
    headers: { cookie, origin: 'https://evil.example' },
    redirect: 'manual',
  });
  assert.equal(forged.status, 403);
  assert.equal((await errorOf(forged)).code, 'CORDON_FORBIDDEN');
  assert.equal((await fetch(urlOf('/pages/1'), { headers: { cookie } })).status, 200);

  const origin = platform().server.gatewayUrl;
  await person.go(urlOf(LOGOUT), { headers: { origin }, body: '' });
  assert.equal(person.cookiesOf(origin).has(SESSION), false);
  assert.equal((await fetch(urlOf('/pages/1'), { headers: { cookie } })).status, 401);
  const started = platform();
  await started.server.stop();
  started.server = await ServerProcess.start(started.home, { after: started.server });
  assert.equal((await fetch(urlOf('/pages/1'), { headers: { cookie } })).status, 401);
});
