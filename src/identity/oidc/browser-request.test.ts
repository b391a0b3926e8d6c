import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OidcSpec } from '../../manifest/index.ts';
import type { Fields } from './browser.fixture.ts';
import { checkOidc, isNavigation, isOwnCookie, withoutOwnCookies } from './index.ts';
import { COOKIE, SAME_ORIGIN, logIn, open, reasonFor } from './login.fixture.ts';

describe('a forged request', () => {
  it('that changes something is refused unless a page of the same origin sent it', async () => {
    const app = await open();
    const browser = await logIn(app);
    const accepted: readonly Fields[] = [
      SAME_ORIGIN,
      { origin: 'https://shop.example' },
      { 'sec-fetch-site': 'same-origin' },
    ];
    const refused: readonly [Fields, string][] = [
      [{}, 'no Origin and no Sec-Fetch-Site'],
      [{ origin: 'https://evil.example' }, 'sent by another origin'],
      [{ origin: 'null' }, 'sent by another origin'],
      [{ origin: 'http://shop.example' }, 'sent by another origin'],
      [{ origin: 'https://shop.example:8443' }, 'sent by another origin'],
      [{ origin: 'https://sub.shop.example' }, 'sent by another origin'],
      [{ 'sec-fetch-site': 'cross-site' }, 'sent by another site'],
      [{ 'sec-fetch-site': 'same-site' }, 'sent by another site'],
      [{ 'sec-fetch-site': 'none' }, 'sent by another site'],
      [{ 'sec-fetch-site': 'cross-site', origin: 'https://shop.example' }, 'sent by another site'],
      [{ 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' }, 'sent by another origin'],
    ];
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'post', 'BREW']) {
      for (const fields of accepted)
        assert.equal(await reasonFor(app, browser, { method, fields }), 'accepted');
      for (const [fields, reason] of refused)
        assert.equal(await reasonFor(app, browser, { method, fields }), reason);
    }
  });

  it('that opens a WebSocket from another origin is refused, while links and fetches that CORS judges are not', async () => {
    const app = await open();
    const browser = await logIn(app);
    const reason = (fields: Fields) => reasonFor(app, browser, { fields });
    assert.equal(await reason({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }), 'accepted');
    assert.equal(await reason({ origin: 'https://shop.example', 'sec-fetch-mode': 'websocket' }), 'accepted');
    assert.equal(await reason({ origin: 'https://sub.shop.example', 'sec-fetch-mode': 'cors' }), 'accepted');
    const refused = 'opened by another origin';
    assert.equal(
      await reason({ origin: 'https://sub.shop.example', 'sec-fetch-mode': 'websocket' }),
      refused,
    );
    assert.equal(await reason({ origin: 'https://sub.shop.example' }), refused);
  });
});

describe('what belongs to a login', () => {
  it('is kept from functions: its cookies are neither shown nor set', () => {
    for (const name of [COOKIE, 'cordon-shop.staff', '__host-Cordon-x', `${COOKIE}.abcdefgh`])
      assert.equal(isOwnCookie(name), true, name);
    for (const name of ['session', 'cordon', 'x-cordon-a', '__Host-session'])
      assert.equal(isOwnCookie(name), false, name);
    assert.equal(withoutOwnCookies(null), null);
    assert.equal(withoutOwnCookies('a=b; c=d'), 'a=b; c=d');
    assert.equal(withoutOwnCookies(`a=b; ${COOKIE}=x; c=cordon-`), 'a=b; c=cordon-');
    assert.equal(withoutOwnCookies(`${COOKIE}=x;a=b`), 'a=b');
    assert.equal(withoutOwnCookies(`${COOKIE} =x; ${COOKIE}`), null);
  });

  it('is shown to browsers that go to a page, not to programs and parts of pages', () => {
    const at = (method: string, fields: Fields) =>
      isNavigation({ method, field: (name) => fields[name] ?? null });
    const html = 'text/html,application/xhtml+xml,*/*;q=0.8';
    assert.equal(at('GET', { accept: html }), true);
    assert.equal(
      at('GET', { accept: html, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }),
      true,
    );
    assert.equal(at('POST', { accept: html }), false);
    assert.equal(at('GET', {}), false);
    assert.equal(at('GET', { accept: '*/*' }), false);
    assert.equal(at('GET', { accept: html, 'sec-fetch-mode': 'cors' }), false);
    assert.equal(
      at('GET', { accept: html, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }),
      false,
    );
  });

  it('needs an issuer with TLS, unless the manifest says that it is unsafe', () => {
    const spec = (issuer: string, unsafePrivate: boolean) => ({ issuer, unsafePrivate }) as OidcSpec;
    checkOidc('staff', spec('https://id.example', false));
    checkOidc('staff', spec('http://127.0.0.1', true));
    assert.throws(() => checkOidc('staff', spec('http://id.example', false)), {
      code: 'CORDON_AUTH_INVALID',
      message: /auth\.oidc\.staff: its issuer has no TLS/,
    });
  });
});
