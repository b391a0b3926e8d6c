import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import { signer } from '../jwt/issuer.fixture.ts';
import { Browser } from './browser.fixture.ts';
import {
  assertNoSession,
  assertRefused,
  begin,
  callbackOf,
  open,
  provider,
  send,
  tryLogIn,
} from './login.fixture.ts';
import { CLIENT_ID } from './provider.fixture.ts';
import type { FakeProvider } from './provider.fixture.ts';

describe('an ID token', () => {
  it('is refused with an ID token that is not the one for this login', async () => {
    const app = await open();
    const now = Math.floor(Date.now() / 1000);
    const stranger = signer('RS256', 'first');
    const unknown = signer('RS256', 'unknown');
    const elliptic = signer('ES256', 'first');
    const refused: readonly [Partial<Pick<FakeProvider, 'claims' | 'header' | 'signedBy'>>, RegExp][] = [
      [{ claims: { iss: 'https://evil.example' } }, /JWT claim/],
      [{ claims: { aud: 'other' } }, /JWT claim/],
      [{ claims: { aud: [CLIENT_ID, 'other'] } }, /JWT claim/],
      [{ claims: { aud: [CLIENT_ID, 'other'], azp: 'other' } }, /JWT claim/],
      [{ claims: { nonce: 'other' } }, /JWT claim/],
      [{ claims: { nonce: undefined } }, /JWT|invalid response/],
      [{ claims: { exp: now - 3600 } }, /timestamp/],
      [{ claims: { exp: undefined } }, /JWT|invalid response/],
      [{ claims: { iat: undefined } }, /JWT|invalid response/],
      [{ claims: { nbf: now + 3600 } }, /timestamp/],
      [{ claims: { sub: undefined } }, /JWT|invalid response/],
      [{ claims: { sub: '' } }, /names no caller/],
      [{ claims: { sub: 'a\nb' } }, /names no caller/],
      [{ claims: { sub: 'ü' } }, /names no caller/],
      [{ claims: { sub: 'a'.repeat(256) } }, /names no caller/],
      [{ signedBy: stranger }, /signature/i],
      [{ signedBy: unknown }, /./],
      [{ signedBy: elliptic }, /./],
    ];
    for (const [change, reason] of refused) {
      Object.assign(provider, { claims: {}, header: {}, signedBy: provider.signer }, change);
      const browser = new Browser();
      const target = callbackOf(await begin(app, browser));
      await assertNoSession(app, browser, target, 'CORDON_LOGIN_REFUSED', reason);
    }
    Object.assign(provider, {
      claims: { sub: 'a'.repeat(255), aud: [CLIENT_ID] },
      signedBy: provider.signer,
    });
    assert.equal((await tryLogIn(app, new Browser())).ok, true);
  });

  it('is refused with an ID token without a signature, with a symmetric one, or with none', async () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const app = await open();
    for (const alg of ['none', 'HS256', null]) {
      const browser = new Browser();
      const grant = await begin(app, browser);
      const now = Math.floor(Date.now() / 1000);
      const claims = {
        iss: provider.url,
        sub: 'user-1',
        aud: CLIENT_ID,
        nonce: grant.nonce,
        iat: now,
        exp: now + 300,
      };
      provider.token = (response) => {
        const id =
          alg === null
            ? {}
            : { id_token: `${part({ alg })}.${part(claims)}.${alg === 'none' ? '' : 'AAAA'}` };
        send(response, 200, { access_token: 'at', token_type: 'Bearer', ...id });
        return true;
      };
      await assertNoSession(app, browser, callbackOf(grant), 'CORDON_LOGIN_REFUSED', /./);
    }
    provider.token = null;
    assert.equal((await tryLogIn(app, new Browser())).ok, true);
  });

  it('makes a session that fits into a cookie, or none', async () => {
    const app = await open({ spec: { claims: { note: 'string' } } });
    const lengthFor = async (letters: number) => {
      const browser = new Browser();
      provider.claims = { note: 'x'.repeat(letters) };
      const answer = await tryLogIn(app, browser);
      const value = browser.cookies.get('__Host-cordon-shop.staff');
      return {
        answer,
        length: value === undefined ? null : value.length + '__Host-cordon-shop.staff'.length,
      };
    };
    const most = LIMITS.oidcCookieBytesMax.value;
    const { length: few } = await lengthFor(100);
    assert.ok(few !== null);
    // Three bytes take four letters.
    const fitting = 100 + Math.floor(((most - few) * 3) / 4);
    const { length } = await lengthFor(fitting);
    assert.ok(length !== null && length <= most && length > most - 4);
    const { answer } = await lengthFor(fitting + 3);
    assertRefused(answer, 'CORDON_LOGIN_REFUSED', /too large for a cookie/);
  });
});
