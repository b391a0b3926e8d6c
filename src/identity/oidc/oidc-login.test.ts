import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import { Browser, fieldOf } from './browser.fixture.ts';
import { assertRefused, begin, callbackOf, open, provider, tryLogIn } from './login.fixture.ts';
import { CLIENT_ID } from './provider.fixture.ts';

describe('a login', () => {
  it('leads to the provider with PKCE, state and nonce, and back with a session', async () => {
    const app = await open({
      spec: { claims: { groups: 'strings', level: 'integer' }, scopes: ['openid', 'email'] },
    });
    provider.claims = { groups: ['a', 'b'], level: 'not a number', email: 'not declared' };
    const browser = new Browser();
    const started = await browser.go(app.login, 'GET', app.login.loginLocation('/orders?page=2'));
    const location = new URL(fieldOf(started, 'location'));
    assert.equal(location.origin + location.pathname, `${provider.url}/authorize`);
    const parameters = Object.fromEntries(location.searchParams);
    const { state = '', nonce = '', code_challenge: challenge = '' } = parameters;
    assert.deepEqual(parameters, {
      redirect_uri: 'https://shop.example/.cordon/auth/staff/callback',
      scope: 'openid email',
      state,
      nonce,
      code_challenge: challenge,
      code_challenge_method: 'S256',
      client_id: CLIENT_ID,
      response_type: 'code',
    });
    assert.match(
      fieldOf(started, 'set-cookie'),
      /^__Host-cordon-shop\.staff\.[\w-]{8}=[\w-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
    );

    const grant = provider.authorize(location.href);
    const ended = await browser.go(app.login, 'GET', callbackOf(grant));
    assert.ok(ended.ok, ended.ok ? '' : ended.reason);
    assert.equal(ended.status, 303);
    assert.equal(fieldOf(ended, 'location'), '/orders?page=2');
    assert.equal(fieldOf(ended, 'cache-control'), 'no-store');
    assert.deepEqual([...browser.cookies.keys()], ['__Host-cordon-shop.staff']);
    const exchange = provider.exchanges.at(-1);
    const verifier = exchange?.get('code_verifier') ?? '';
    assert.equal(createHash('sha256').update(verifier).digest('base64url'), challenge);
    assert.equal(exchange?.get('redirect_uri'), grant.redirectUri);

    const verdict = await browser.authenticate(app.authenticator);
    assert.ok(verdict.ok);
    const { credential, expiresAt, ...caller } = verdict.caller;
    assert.deepEqual(caller, {
      kind: 'user',
      authenticator: 'oidc:staff',
      subject: 'user-1',
      scopes: [],
      claims: { groups: ['a', 'b'] },
    });
    assert.match(credential, /^[0-9a-z]+\.[\w-]{22}$/);
    assert.ok(Math.abs((expiresAt ?? 0) - Date.now() - 3_600_000) < 60_000);
    assert.equal(await browser.authenticate(app.authenticator), verdict);
  });

  it('has plain cookies on plain http of this machine, and is refused on plain http of any other', async () => {
    const app = await open();
    for (const origin of [
      'http://localhost:8080',
      'http://127.0.0.1:8080',
      'http://[::1]:8080',
      'http://a.localhost',
    ]) {
      const browser = new Browser(origin);
      const answer = await browser.go(app.login, 'GET', '/.cordon/auth/staff/login');
      assert.match(
        fieldOf(answer, 'set-cookie'),
        /^cordon-shop\.staff\.[\w-]{8}=[\w-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/,
      );
      const grant = provider.authorize(fieldOf(answer, 'location'));
      assert.equal((await browser.go(app.login, 'GET', callbackOf(grant))).ok, true);
      assert.equal((await browser.authenticate(app.authenticator)).ok, true);
    }
    for (const origin of [
      'http://shop.example',
      'http://127.0.0.1.evil.example',
      'http://localhost.evil.example',
    ]) {
      const answer = await new Browser(origin).go(app.login, 'GET', '/.cordon/auth/staff/login');
      assertRefused(answer, 'CORDON_LOGIN_REFUSED', /plain http/);
    }
  });

  it('shows the secret of a client to the token endpoint alone, as the provider wants it', async () => {
    const spec = { clientSecret: 'OIDC' };
    const app = await open({ spec, secrets: { OIDC: 'very secret' } });
    await tryLogIn(app, new Browser());
    const basic = `Basic ${Buffer.from(`${CLIENT_ID}:very+secret`).toString('base64')}`;
    assert.equal(provider.authorizations.at(-1), basic);
    provider.document = { token_endpoint_auth_methods_supported: ['client_secret_post'] };
    await tryLogIn(await open({ spec, secrets: { OIDC: 'very secret' } }), new Browser());
    assert.equal(provider.authorizations.at(-1), undefined);
    assert.equal(provider.exchanges.at(-1)?.get('client_secret'), 'very secret');
    provider.document = { token_endpoint_auth_methods_supported: ['private_key_jwt'] };
    const other = await open({ spec, secrets: { OIDC: 'very secret' } });
    assertRefused(
      await new Browser().go(other.login, 'GET', other.login.loginLocation('/')),
      'CORDON_LOGIN_UNAVAILABLE',
      /neither by/,
    );
    const without = await open({ spec });
    assertRefused(
      await new Browser().go(without.login, 'GET', without.login.loginLocation('/')),
      'CORDON_LOGIN_UNAVAILABLE',
      /secret OIDC does not exist/,
    );
  });

  it('leads back to a path of the same origin and to nothing else', async () => {
    const app = await open();
    for (const to of [
      '/',
      '/a/b?c=d&e=%2F',
      '/a%20b',
      '/.cordonish',
      `/${'a'.repeat(LIMITS.oidcReturnBytesMax.value - 1)}`,
    ])
      assert.equal(fieldOf(await tryLogIn(app, new Browser(), to), 'location'), to);
    const browser = new Browser();
    for (const to of [
      '',
      'a',
      '//evil.example',
      '/\\evil.example',
      '\\/evil.example',
      'https://evil.example/',
      'javascript:alert(1)',
      '/a/../b',
      '/./a',
      '/a#b',
      '/a b',
      '/ä',
      '/\t/evil.example',
      '/\n/evil.example',
      '/a\r\nset-cookie: a=b',
      '/.cordon/auth/staff/login',
      '/.cordon',
      `/${'a'.repeat(LIMITS.oidcReturnBytesMax.value)}`,
    ]) {
      const target = `/.cordon/auth/staff/login?to=${encodeURIComponent(to)}`;
      assertRefused(await browser.go(app.login, 'GET', target), 'CORDON_LOGIN_REFUSED', /another place/);
      assert.equal(app.login.loginLocation(to), '/.cordon/auth/staff/login?to=%2F');
    }
    const twice = await browser.go(app.login, 'GET', '/.cordon/auth/staff/login?to=/a&to=/b');
    assertRefused(twice, 'CORDON_LOGIN_REFUSED', /another place/);
    assert.equal(browser.cookies.size, 0);
  });

  it('may be begun more than once in a browser, up to the limit', async () => {
    const app = await open();
    const browser = new Browser();
    const most = LIMITS.oidcLoginsPerBrowserMax.value;
    const grants = [];
    for (let begun = 0; begun < most; begun += 1) grants.push(await begin(app, browser, `/${begun}`));
    assert.equal(browser.cookies.size, most);
    for (const [index, grant] of grants.slice(0, 2).entries())
      assert.equal(fieldOf(await browser.go(app.login, 'GET', callbackOf(grant)), 'location'), `/${index}`);
    await begin(app, browser);
    await begin(app, browser);
    // One more: those that were given up are swept away.
    const last = await begin(app, browser, '/last');
    assert.equal(
      [...browser.cookies.keys()].filter((name) => name.startsWith('__Host-cordon-shop.staff.')).length,
      1,
    );
    assert.equal(fieldOf(await browser.go(app.login, 'GET', callbackOf(last)), 'location'), '/last');
  });

  it('answers its own paths and methods only', async () => {
    const app = await open();
    const browser = new Browser();
    for (const path of ['', '/', '/logins', '/login/', '/login/x', '/Login'])
      assertRefused(
        await browser.go(app.login, 'GET', `/.cordon/auth/staff${path}`),
        'CORDON_ROUTE_UNKNOWN',
        /no such path/,
      );
    for (const [method, path, allow] of [
      ['POST', 'login', 'GET'],
      ['HEAD', 'callback', 'GET'],
      ['GET', 'logout', 'POST'],
    ] as const) {
      const answer = await browser.go(app.login, method, `/.cordon/auth/staff/${path}`);
      assertRefused(answer, 'CORDON_METHOD_REFUSED', /another method/);
      assert.equal(fieldOf(answer, 'allow'), allow);
    }
    assert.equal(app.login.serves('/.cordon/auth/staff/login'), true);
    assert.equal(app.login.serves('/.cordon/auth/staffed/login'), false);
  });
});
