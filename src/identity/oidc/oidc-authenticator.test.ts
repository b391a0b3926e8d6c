import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CordonError, LIMITS } from '../../contract/index.ts';
import type { Place } from '../../vault/vault.fixture.ts';
import { manualClock } from '../clock.fixture.ts';
import type { Credentials } from '../port.ts';
import { Browser } from './browser.fixture.ts';
import type { AppOptions } from './browser.fixture.ts';
import { COOKIE, logIn, open, place, provider, reasonFor } from './login.fixture.ts';

describe('a session', () => {
  it('ends at its time, and with a manifest that shortens sessions', async () => {
    const clock = manualClock(Date.now());
    const app = await open({ clock });
    const browser = await logIn(app);
    const verdict = await browser.authenticate(app.authenticator);
    assert.ok(verdict.ok);
    clock.move(3_600_000 - 1);
    assert.equal(await reasonFor(app, browser), 'accepted');
    assert.equal(app.authenticator.isCurrent(verdict.caller), true);
    const short = await open({ clock, spec: { sessionMs: 60_000 } });
    assert.equal(await reasonFor(short, browser), 'the credential has expired');
    clock.move(1);
    assert.equal(await reasonFor(app, browser), 'the credential has expired');
    assert.equal(app.authenticator.isCurrent(verdict.caller), false);
  });

  it('survives a restart, with the vault opened anew', async () => {
    const browser = await logIn(await open());
    const restarted = await open({ vault: await place.again() });
    assert.equal(await reasonFor(restarted, browser), 'accepted');
  });

  it('is good for the app, the name, the provider, the client and the origin for which it was made', async () => {
    const app = await open();
    const browser = await logIn(app);
    const value = browser.cookies.get(COOKIE) ?? '';
    const foreign = 'not sealed here for this';
    const swap = async (options: Partial<AppOptions>, name: string) => {
      const other = new Browser();
      other.cookies.set(name, value);
      return reasonFor(await open(options), other);
    };
    assert.equal(await swap({ app: 'other' }, '__Host-cordon-other.staff'), foreign);
    assert.equal(await swap({ name: 'other' }, '__Host-cordon-shop.other'), foreign);
    assert.equal(await swap({ spec: { clientId: 'other' } }, COOKIE), foreign);
    assert.equal(await swap({ issuer: 'https://other.example' }, COOKIE), foreign);
    const elsewhere = new Browser('https://other.example');
    elsewhere.cookies.set(COOKIE, value);
    assert.equal(await reasonFor(app, elsewhere), 'of another origin');
    const plain = new Browser('http://localhost');
    plain.cookies.set('cordon-shop.staff', value);
    assert.equal(await reasonFor(app, plain), 'of another origin');
    const noPrefix = new Browser();
    noPrefix.cookies.set('cordon-shop.staff', value);
    assert.equal(await reasonFor(app, noPrefix), 'no credentials');
    assert.equal(await reasonFor(app, browser), 'accepted');
  });

  it('is no login that is under way, and not one of another project', async () => {
    const app = await open();
    const pending = new Browser();
    await pending.go(app.login, 'GET', app.login.loginLocation('/'));
    const other = new Browser();
    other.cookies.set(COOKIE, [...pending.cookies.values()][0] ?? '');
    assert.equal(await reasonFor(app, other), 'not sealed here for this');
    const sealed = await place.vault.seal('another project', 'any', Buffer.from('{}'));
    other.cookies.set(COOKIE, Buffer.from(sealed).toString('base64url'));
    assert.equal(await reasonFor(app, other), 'not sealed here for this');
  });

  it('is refused when it is missing, there twice, or nothing that was sealed here', async () => {
    const app = await open();
    const browser = await logIn(app);
    const value = browser.cookies.get(COOKIE) ?? '';
    const ambiguous = 'more than one session, or none that was sealed here';
    const cookies: readonly [string | null, string][] = [
      [null, 'no credentials'],
      ['', 'no credentials'],
      [`${COOKIE}=`, 'no credentials'],
      [COOKIE, 'no credentials'],
      [`x${COOKIE}=${value}`, 'no credentials'],
      [`${COOKIE.toLowerCase()}=${value}`, 'no credentials'],
      [`${COOKIE}=${value}; ${COOKIE}=${value}`, ambiguous],
      [`${COOKIE}=; ${COOKIE}=${value}`, ambiguous],
      [`${COOKIE}="${value}"`, ambiguous],
      [`${COOKIE}=${value}=`, ambiguous],
      [`${COOKIE}=${value} x`, ambiguous],
      [`${COOKIE}=a`, 'not sealed here for this'],
      [`${COOKIE}=AAAA`, 'not sealed here for this'],
      [`${COOKIE}=${value.slice(0, -4)}`, 'not sealed here for this'],
      [`${COOKIE}=${value}AAAA`, 'not sealed here for this'],
      [`${COOKIE}=${'A'.repeat(LIMITS.oidcCookieBytesMax.value + 1)}`, 'not sealed here for this'],
      [`a=b; ${COOKIE}=${value};c=d`, 'accepted'],
      [`\t${COOKIE} = ${value} `, 'accepted'],
    ];
    for (const [cookie, expected] of cookies) {
      const verdict = await app.authenticator.authenticate(shown({ cookie }));
      assert.equal(verdict.ok ? 'accepted' : verdict.reason, expected, cookie ?? '');
    }
  });

  it('is refused when nothing says which method and origin were asked', async () => {
    const app = await open();
    const browser = await logIn(app);
    const { method: _method, origin: _origin, ...bare } = shown({ cookie: browser.cookie });
    const verdict = await app.authenticator.authenticate(bare);
    assert.deepEqual(verdict, { ok: false, reason: 'the method and the origin are not known' });
  });

  it('cannot be judged while the keys are out of reach, and is then refused', async () => {
    const app = await open();
    const browser = await logIn(app);
    const unreachable = () => Promise.reject(new CordonError('CORDON_KEY_UNAVAILABLE'));
    const failing = { ...place.vault, seal: unreachable, open: unreachable };
    const other = await open({ vault: failing });
    assert.equal(await reasonFor(other, browser), 'the credential could not be judged now');
    const throwing = {
      ...failing,
      open: () => {
        throw new CordonError('CORDON_KEY_REFUSED');
      },
    };
    assert.equal(
      await reasonFor(await open({ vault: throwing }), browser),
      'the credential could not be judged now',
    );
  });

  it('is looked up for made-up keys so often at the same time and no more, while known keys go on', async () => {
    const hold = Promise.withResolvers<Uint8Array>();
    const browser = await logIn(await open());
    const known = browser.cookies.get(COOKIE) ?? '';
    const madeUp = (version: number) => {
      const sealed = Buffer.from(known, 'base64url');
      sealed.writeUInt32BE(version, 1);
      const other = new Browser();
      other.cookies.set(COOKIE, sealed.toString('base64url'));
      return other;
    };
    const vault: Place['vault'] = {
      ...place.vault,
      seal: (...parameters) => place.vault.seal(...parameters),
      open: (project, where, sealed) =>
        Buffer.from(sealed).readUInt32BE(1) > 1000 ? hold.promise : place.vault.open(project, where, sealed),
    };
    const app = await open({ vault });
    assert.equal(await reasonFor(app, browser), 'accepted');
    const most = LIMITS.oidcKeyLookupsMax.value;
    const waiting = Array.from({ length: most }, (_, index) => reasonFor(app, madeUp(2000 + index)));
    assert.equal(await reasonFor(app, madeUp(9999)), 'the credential could not be judged now');
    assert.equal(await reasonFor(app, await logIn(app)), 'accepted');
    hold.reject(new CordonError('CORDON_KEY_MISSING'));
    for (const reason of await Promise.all(waiting)) assert.equal(reason, 'not sealed here for this');
    assert.equal(await reasonFor(app, madeUp(9999)), 'not sealed here for this');
  });

  it('has only the claims that the manifest declares now, each of its type', async () => {
    provider.claims = { level: 3, team: 'a', admin: true, __proto__: { polluted: true } };
    const browser = await logIn(
      await open({ spec: { claims: { level: 'integer', team: 'string', admin: 'boolean' } } }),
    );
    const app = await open({ spec: { claims: { level: 'integer', team: 'strings', other: 'string' } } });
    const verdict = await browser.authenticate(app.authenticator);
    assert.ok(verdict.ok);
    assert.deepEqual(verdict.caller.claims, { level: 3 });
  });
});

function shown(more: { readonly cookie: string | null }) {
  return {
    method: 'GET',
    origin: 'https://shop.example',
    authorization: null,
    field: () => null,
    certificate: null,
    body: null,
    address: '192.0.2.1',
    ...more,
  } satisfies Credentials & { method: string; origin: string };
}

it('refuses every session in which any one bit was turned over', async () => {
  const app = await open();
  const browser = await logIn(app);
  const value = browser.cookies.get(COOKIE) ?? '';
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: value.length * 8 - 1 }), async (bit) => {
      const bytes = Buffer.from(value, 'latin1');
      bytes.writeUInt8((bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7)), bit >> 3);
      const copy = new Browser();
      copy.cookies.set(COOKIE, bytes.toString('latin1'));
      assert.notEqual(await reasonFor(app, copy), 'accepted');
    }),
    { numRuns: 500 },
  );
  assert.equal(await reasonFor(app, browser), 'accepted');
});
