/** A whole login over HTTP, at a provider that is certified, in a browser that is a jar of cookies. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Provider } from 'oidc-provider';
import { openPlace } from '../../vault/vault.fixture.ts';
import type { Place } from '../../vault/vault.fixture.ts';
import { openApp } from './browser.fixture.ts';
import type { App } from './browser.fixture.ts';
import { isNavigation } from './index.ts';
import { Person } from './person.fixture.ts';

let place: Place;
let app: App & { close(): void };
let appServer: Server;
let providerServer: Server;
let appUrl = '';
let issuer = '';

before(async () => {
  place = await openPlace();
  appServer = createServer((request, response) => void serveApp(request, response));
  appUrl = await listen(appServer);
  let handle: (request: IncomingMessage, response: ServerResponse) => Promise<void> = () => Promise.resolve();
  providerServer = createServer((request, response) => void handle(request, response));
  issuer = await listen(providerServer);
  handle = providerAt(issuer).callback();
  app = await openApp({
    issuer,
    store: place.store,
    vault: place.vault,
    spec: {
      clientSecret: 'OIDC',
      scopes: ['openid', 'email'],
      claims: { email: 'string', email_verified: 'boolean' },
    },
    secrets: { OIDC: 'a secret that is long enough' },
  });
});

after(async () => {
  app.close();
  for (const server of [appServer, providerServer]) {
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  }
  await place.close();
});

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function providerAt(url: string): Provider {
  return new Provider(url, {
    clients: [
      {
        client_id: 'shop',
        client_secret: 'a secret that is long enough',
        redirect_uris: [`${appUrl}/.cordon/auth/staff/callback`],
        response_types: ['code'],
        grant_types: ['authorization_code'],
      },
    ],
    pkce: { required: () => true },
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false,
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true }),
    }),
    cookies: { keys: ['a key for tests'] },
  });
}

/** The gateway in little: the paths of the login, and one route that needs it. */
async function serveApp(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname: path, search } = new URL(request.url ?? '/', appUrl);
  const field = (name: string): string | null => {
    const value = request.headers[name];
    return typeof value === 'string' ? value : null;
  };
  const facts = {
    method: request.method ?? '',
    origin: appUrl,
    cookie: request.headers.cookie ?? null,
    field,
  };
  if (app.login.serves(path)) {
    const answer = await app.login.handle({ ...facts, path, query: search.slice(1) });
    for (const [name, value] of answer.fields) response.appendHeader(name, value);
    response.statusCode = answer.ok ? answer.status : 400;
    response.end(answer.ok ? '' : answer.code);
    return;
  }
  const verdict = await app.authenticator.authenticate({
    ...facts,
    authorization: null,
    certificate: null,
    body: null,
    address: request.socket.remoteAddress ?? '',
  });
  if (verdict.ok) response.end(JSON.stringify(verdict.caller));
  else if (isNavigation(facts))
    response.writeHead(302, { location: app.login.loginLocation(`${path}${search}`) }).end();
  else response.writeHead(401).end();
}

describe('a login at a real provider', () => {
  it('leads a browser from a page through the provider and back to the page, and lasts', async () => {
    const person = new Person();
    const page = await person.logIn(`${appUrl}/orders?page=2`, 'jo');
    assert.equal(page.url, `${appUrl}/orders?page=2`);
    const caller = JSON.parse(page.text) as Record<string, unknown>;
    assert.equal(caller['subject'], 'jo');
    assert.deepEqual(caller['claims'], { email: 'jo@example.com', email_verified: true });
    assert.deepEqual([...person.cookiesOf(appUrl).keys()], ['cordon-shop.staff']);
    assert.equal((await person.go(`${appUrl}/again`)).status, 200);
  });

  it('is not done for a program, nor for whoever has not logged in', async () => {
    const program = await fetch(`${appUrl}/orders`, { redirect: 'manual' });
    assert.equal(program.status, 401);
    const stranger = new Person();
    assert.match((await stranger.go(`${appUrl}/orders`)).url, /\/interaction\//);
  });

  it('ends at a logout, here and at the provider, also for a copy of the cookie', async () => {
    const person = new Person();
    await person.logIn(`${appUrl}/`, 'jo');
    const cookie = [...person.cookiesOf(appUrl)].map((pair) => pair.join('=')).join('; ');
    const logout = `${appUrl}/.cordon/auth/staff/logout`;
    const forged = await person.go(logout, { headers: { origin: 'https://evil.example' }, body: '' });
    assert.equal(forged.status, 400);
    assert.equal((await fetch(appUrl, { headers: { cookie } })).status, 200);

    const page = await person.go(logout, { headers: { origin: appUrl }, body: '' });
    assert.ok(page.url.startsWith(`${issuer}/session/end`), page.url);
    assert.equal(page.status, 200);
    assert.equal((await fetch(appUrl, { headers: { cookie } })).status, 401);
    await person.submit(page, { logout: 'yes' });
    // The provider knows nobody any more either: it asks who it is.
    assert.match((await person.go(`${appUrl}/`)).text, /name="login"/);
  });

  it('is refused when the callback comes again, or in another browser', async () => {
    const person = new Person();
    await person.logIn(`${appUrl}/`, 'jo');
    const callback = person.visited.find((url) => url.includes('/callback?')) ?? '';
    for (const browser of [person, new Person()]) {
      const again = await browser.go(callback);
      assert.equal(again.status, 400);
      assert.equal(again.text, 'CORDON_LOGIN_REFUSED');
    }
    const other = new Person();
    await other.go(callback);
    assert.equal(other.cookiesOf(appUrl).size, 0);
  });

  it('is refused with a code that was given for the login of another', async () => {
    // The callback of the victim is seen by the attacker before it comes here: its code was never used.
    const victim = new Person();
    victim.stopsAt = '/callback?';
    const seen = await victim.logIn(`${appUrl}/`, 'victim');
    const attacker = new Person();
    await attacker.go(`${appUrl}/`);
    const own = new URL(attacker.visited.find((url) => url.includes('/auth?')) ?? '');
    const injected = new URL(seen.url);
    injected.searchParams.set('state', own.searchParams.get('state') ?? '');
    const answer = await attacker.go(injected.href);
    assert.equal(answer.status, 400);
    assert.equal(answer.text, 'CORDON_LOGIN_REFUSED');
    assert.equal(attacker.cookiesOf(appUrl).has('cordon-shop.staff'), false);
  });
});
