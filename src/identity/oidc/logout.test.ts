import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CordonError } from '../../contract/index.ts';
import type { Store } from '../../store/index.ts';
import { manualClock } from '../clock.fixture.ts';
import { Browser, fieldOf } from './browser.fixture.ts';
import type { Fields } from './browser.fixture.ts';
import { EndedSessions } from './index.ts';
import { COOKIE, SAME_ORIGIN, logIn, open, place, provider, reasonFor } from './login.fixture.ts';

describe('a logout', () => {
  it('ends the session for whoever has its cookie, also after a restart, and no other session', async () => {
    const app = await open();
    const browser = await logIn(app);
    const other = await logIn(app);
    const stolen = browser.copy();
    const verdict = await stolen.authenticate(app.authenticator);
    assert.ok(verdict.ok);
    const answer = await browser.go(app.login, 'POST', '/.cordon/auth/staff/logout?to=/bye', SAME_ORIGIN);
    assert.ok(answer.ok);
    assert.equal(answer.status, 303);
    assert.equal(fieldOf(answer, 'location'), '/bye');
    assert.equal(
      fieldOf(answer, 'set-cookie'),
      `${COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure`,
    );
    assert.equal(browser.cookies.size, 0);
    assert.equal(app.authenticator.isCurrent(verdict.caller), false);
    assert.equal(await reasonFor(app, stolen), 'the credential has expired');
    assert.equal(await reasonFor(app, other), 'accepted');
    const restarted = await open();
    assert.equal(await reasonFor(restarted, stolen), 'the credential has expired');
    assert.equal(await reasonFor(restarted, other), 'accepted');
  });

  it('is refused when another site asks for it, or it would lead elsewhere, and then ends nothing', async () => {
    const app = await open();
    const browser = await logIn(app);
    const refused: readonly [string, Fields, string][] = [
      ['', {}, 'CORDON_FORBIDDEN'],
      ['', { origin: 'https://evil.example' }, 'CORDON_FORBIDDEN'],
      ['', { 'sec-fetch-site': 'cross-site' }, 'CORDON_FORBIDDEN'],
      ['', { 'sec-fetch-site': 'same-site' }, 'CORDON_FORBIDDEN'],
      ['?to=//evil.example', SAME_ORIGIN, 'CORDON_LOGIN_REFUSED'],
      ['?to=https://evil.example', SAME_ORIGIN, 'CORDON_LOGIN_REFUSED'],
    ];
    for (const [query, fields, code] of refused) {
      const answer = await browser.go(app.login, 'POST', `/.cordon/auth/staff/logout${query}`, fields);
      assert.equal(answer.ok ? '' : answer.code, code);
    }
    const byLink = await browser.go(app.login, 'GET', '/.cordon/auth/staff/logout', SAME_ORIGIN);
    assert.equal(byLink.ok ? '' : byLink.code, 'CORDON_METHOD_REFUSED');
    assert.equal(await reasonFor(app, browser), 'accepted');
  });

  it('goes on at the provider when that has a place for it, and does not need it', async () => {
    provider.document = { end_session_endpoint: `${provider.url}/bye` };
    const app = await open();
    const browser = await logIn(app);
    const answer = await browser.go(app.login, 'POST', '/.cordon/auth/staff/logout', SAME_ORIGIN);
    assert.equal(fieldOf(answer, 'location'), `${provider.url}/bye?client_id=shop`);
    const gone = await open({ issuer: provider.url, clock: manualClock(Date.now()) });
    const second = await logIn(app);
    provider.document = { issuer: 'https://other.example' };
    const away = await second.go(gone.login, 'POST', '/.cordon/auth/staff/logout', SAME_ORIGIN);
    assert.equal(fieldOf(away, 'location'), '/');
    assert.equal(await reasonFor(gone, second), 'no credentials');
  });

  it('clears what is no session, without a word about it', async () => {
    const app = await open();
    const browser = new Browser();
    browser.cookies.set(COOKIE, 'AAAA');
    const answer = await browser.go(app.login, 'POST', '/.cordon/auth/staff/logout', SAME_ORIGIN);
    assert.ok(answer.ok);
    assert.equal(browser.cookies.size, 0);
  });

  it('that cannot be made durable has effect until the next start, and says so', async () => {
    const { store } = place;
    const clock = manualClock(Date.now());
    const failing = { ...wrapped(store), commit: () => Promise.reject(new CordonError('CORDON_STORE_FULL')) };
    const ended = await EndedSessions.open({ store: failing, project: 'default', clock });
    const app = await open({ ended, clock });
    const browser = await logIn(app);
    const stolen = browser.copy();
    const answer = await browser.go(app.login, 'POST', '/.cordon/auth/staff/logout', SAME_ORIGIN);
    assert.equal(answer.ok, false);
    assert.equal(browser.cookies.size, 0);
    assert.equal(await reasonFor(app, stolen), 'the credential has expired');
  });
});

function wrapped(store: Store): Store {
  return {
    dialect: store.dialect,
    query: (statement) => store.query(statement),
    commit: (writes) => store.commit(writes),
    scrub: () => store.scrub(),
    close: () => store.close(),
  };
}
