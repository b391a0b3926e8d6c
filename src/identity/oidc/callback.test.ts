import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../contract/index.ts';
import { manualClock } from '../clock.fixture.ts';
import { Browser } from './browser.fixture.ts';
import {
  assertNoSession,
  assertRefused,
  begin,
  callbackOf,
  open,
  provider,
  tryLogIn,
} from './login.fixture.ts';
import type { Grant } from './provider.fixture.ts';

describe('a callback', () => {
  it('is refused without the state of a login that this very browser began', async () => {
    const app = await open();
    const browser = new Browser();
    const grant = await begin(app, browser);
    const refused: readonly [string, RegExp][] = [
      [callbackOf(grant).replace(/state=[^&]*/, ''), /no state/],
      [callbackOf({ ...grant, state: '' }), /no state/],
      [callbackOf({ ...grant, state: 'x'.repeat(43) }), /has not begun this login/],
      [callbackOf({ ...grant, state: `${grant.state.slice(0, 8)}${'x'.repeat(35)}` }), /another state/],
      [`${callbackOf(grant)}&state=${grant.state}`, /a parameter twice/],
      [`${callbackOf(grant)}&code=other`, /a parameter twice/],
      [`${callbackOf(grant)}&iss=other`, /a parameter twice/],
    ];
    for (const [target, reason] of refused)
      await assertNoSession(app, browser.copy(), target, 'CORDON_LOGIN_REFUSED', reason);
    // Whoever is led to the callback of somebody else's login does not become that somebody.
    await assertNoSession(app, new Browser(), callbackOf(grant), 'CORDON_LOGIN_REFUSED', /has not begun/);
    assert.equal(
      provider.exchanges.some((body) => body.get('code') === grant.code),
      false,
    );
    assert.equal((await browser.go(app.login, 'GET', callbackOf(grant))).ok, true);
  });

  it('is refused with the cookie of another login, app, name, provider or client, or of a session', async () => {
    const app = await open();
    const browser = new Browser();
    const grant = await begin(app, browser);
    const [name = ''] = browser.cookies.keys();
    const others = [
      await open({ app: 'other' }),
      await open({ name: 'other' }),
      await open({ spec: { clientId: 'other' } }),
    ];
    for (const other of others) {
      const thief = new Browser();
      const answer = await thief.go(other.login, 'GET', other.login.loginLocation('/'));
      assert.equal(answer.ok, true);
      const [value = ''] = thief.cookies.values();
      thief.cookies.clear();
      thief.cookies.set(name, value);
      await assertNoSession(
        app,
        thief,
        callbackOf(grant),
        'CORDON_LOGIN_REFUSED',
        /not a cookie of this login/,
      );
    }
    const second = new Browser();
    await begin(app, second);
    const swapped = new Browser();
    swapped.cookies.set(name, [...second.cookies.values()][0] ?? '');
    await assertNoSession(app, swapped, callbackOf(grant), 'CORDON_LOGIN_REFUSED', /another state/);
    await tryLogIn(app, second);
    const session = new Browser();
    session.cookies.set(name, second.cookies.get('__Host-cordon-shop.staff') ?? '');
    await assertNoSession(
      app,
      session,
      callbackOf(grant),
      'CORDON_LOGIN_REFUSED',
      /not a cookie of this login/,
    );
    const twice = await app.login.handle({
      method: 'GET',
      path: '/.cordon/auth/staff/callback',
      query: callbackOf(grant).split('?')[1] ?? '',
      cookie: `${browser.cookie}; ${browser.cookie}`,
      origin: browser.origin,
      field: () => null,
    });
    assertRefused(twice, 'CORDON_LOGIN_REFUSED', /not a cookie of this login/);
  });

  it('is refused a second time, at another origin, and after its time', async () => {
    const clock = manualClock(Date.now());
    const app = await open({ clock });
    const browser = new Browser();
    const grant = await begin(app, browser);
    const copy = browser.copy();
    assert.equal((await browser.go(app.login, 'GET', callbackOf(grant))).ok, true);
    provider.authorize(`${provider.url}/?state=${grant.state}&nonce=${grant.nonce}`);
    await assertNoSession(app, copy, callbackOf(grant), 'CORDON_LOGIN_REFUSED', /ended already/);

    const elsewhere = new Browser('https://other.example');
    const moved = await begin(app, browser);
    for (const [name, value] of browser.cookies)
      if (name.includes('staff.')) elsewhere.cookies.set(name, value);
    await assertNoSession(
      app,
      elsewhere,
      callbackOf(moved),
      'CORDON_LOGIN_REFUSED',
      /begun at another origin/,
    );

    const late = new Browser();
    const slow = await begin(app, late);
    clock.move(LIMITS.oidcLoginMs.value - 1);
    const inTime = late.copy();
    assert.equal((await inTime.go(app.login, 'GET', callbackOf(slow))).ok, true);
    clock.move(1);
    await assertNoSession(app, late, callbackOf(slow), 'CORDON_LOGIN_REFUSED', /begun too long ago/);
  });

  it('is refused when two come at once, but for one', async () => {
    const app = await open();
    const browser = new Browser();
    const grant = await begin(app, browser);
    const answers = await Promise.all(
      [browser.copy(), browser.copy(), browser.copy()].map((copy) =>
        copy.go(app.login, 'GET', callbackOf(grant)),
      ),
    );
    assert.equal(answers.filter(({ ok }) => ok).length, 1);
  });

  it('is refused when the answer is of another issuer, or says not whose it is although it should (RFC 9207)', async () => {
    const app = await open();
    for (const target of [
      (grant: Grant) => callbackOf(grant, { iss: 'https://evil.example' }),
      (grant: Grant) => callbackOf(grant).replace(/&iss=[^&]*/, ''),
      (grant: Grant) => callbackOf(grant, { iss: `${provider.url}/` }),
    ]) {
      const browser = new Browser();
      const grant = await begin(app, browser);
      await assertNoSession(app, browser, target(grant), 'CORDON_LOGIN_REFUSED', /"iss"/);
      assert.equal(
        provider.exchanges.some((body) => body.get('code') === grant.code),
        false,
      );
    }
  });

  it('is refused when the provider says no, sends another kind of answer, or another code', async () => {
    const app = await open();
    const refused: readonly [(grant: Grant) => string, RegExp][] = [
      [({ state }) => callbackOf({ code: '', state } as Grant, { error: 'access_denied' }), /is an error/],
      [(grant) => callbackOf({ ...grant, code: '' }), /no authorization code/],
      [(grant) => callbackOf({ ...grant, code: 'made up' }), /invalid_grant/],
      [(grant) => callbackOf(grant, { id_token: 'a.b.c' }), /implicit and hybrid/],
      [(grant) => callbackOf(grant, { response: 'a.b.c' }), /JARM/],
    ];
    for (const [target, reason] of refused) {
      const browser = new Browser();
      const grant = await begin(app, browser);
      await assertNoSession(app, browser, target(grant), 'CORDON_LOGIN_REFUSED', reason);
      // The cookie of that login is gone, but not as one of those that ended well.
      assert.equal(browser.cookies.size, 0);
    }
  });
});

it('refuses every cookie and every state in which any one bit was turned over', async () => {
  const app = await open();
  const browser = new Browser();
  const grant = await begin(app, browser);
  const [[name, value] = ['', '']] = browser.cookies;
  const before = provider.exchanges.length;
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.nat(), async (ofState, at) => {
      const bytes = Buffer.from(ofState ? grant.state : value, 'latin1');
      const bit = at % (bytes.length * 8);
      bytes.writeUInt8((bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7)), bit >> 3);
      const changed = bytes.toString('latin1');
      const copy = new Browser();
      copy.cookies.set(name, ofState ? value : changed);
      const answer = await copy.go(
        app.login,
        'GET',
        callbackOf(ofState ? { ...grant, state: changed } : grant),
      );
      assert.equal(answer.ok, false);
    }),
    { numRuns: 300 },
  );
  assert.equal(provider.exchanges.length, before);
  assert.equal((await browser.go(app.login, 'GET', callbackOf(grant))).ok, true);
});
