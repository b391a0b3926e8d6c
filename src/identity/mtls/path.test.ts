import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import { KEY_USAGE, PURPOSES, extensionOf, makeAuthority, makeClient } from './certificates.fixture.ts';
import type { CertificateOptions } from './certificates.fixture.ts';
import {
  HOUR_MS,
  assertAccepted,
  assertRefused,
  credentialsOf,
  fixedClock,
  open,
  root,
} from './mtls.fixture.ts';

describe('a path', () => {
  it('leads over what the caller sent, in any order and with anything among it', async () => {
    const first = await makeAuthority({ subject: 'first' }, root);
    const second = await makeAuthority({ subject: 'second' }, first);
    const leaf = await makeClient(second, { subject: 'x' });
    const stranger = await makeAuthority({ subject: 'stranger' });
    for (const intermediates of [
      [second, first],
      [first, second],
      [stranger, first, leaf, second, root],
      [first, second, first, second],
    ])
      await assertAccepted(leaf, { intermediates });
    await assertRefused(leaf, 'no authority issued it', { intermediates: [second] });
    await assertRefused(leaf, 'no authority issued it', { intermediates: [first] });
    // Any certificate of an authority in the file is one to trust, a root or not.
    await assertAccepted(leaf, { authorities: [second] });
  });

  it('is refused when an issuer on it may not issue, is not in force, or did not sign', async () => {
    const cases: readonly [CertificateOptions, string][] = [
      [{ authority: false }, 'issuer: not an authority'],
      [{ authority: null, usage: null }, 'issuer: not an authority'],
      [{ purposes: [PURPOSES.server] }, 'issuer: not for certificates of clients'],
      [{ notAfter: new Date(Date.now() - 1000) }, 'issuer: the credential has expired'],
      [{ notBefore: new Date(Date.now() + HOUR_MS / 2) }, 'issuer: not yet in force'],
      [{ extensions: [extensionOf('2.5.29.30', true, [0x30, 0])] }, 'issuer: name constraints'],
      [
        { extensions: [extensionOf('2.5.29.36', true, [0x30, 0])] },
        'issuer: unknown critical extension 2.5.29.36',
      ],
    ];
    for (const [options, reason] of cases) {
      const issuer = await makeAuthority({ subject: 'issuer', ...options }, root);
      await assertRefused(await makeClient(issuer, { subject: 'x' }), reason, { intermediates: [issuer] });
    }
    // OpenSSL does not take it for an issuer at all.
    const mute = await makeAuthority({ subject: 'issuer', usage: KEY_USAGE.digitalSignature }, root);
    await assertRefused(
      await makeClient(mute, { subject: 'x' }),
      /issuer: not for issuing|no authority issued it/,
      {
        intermediates: [mute],
      },
    );
    const unbound = await makeAuthority(
      { subject: 'issuer', usage: null, purposes: [PURPOSES.client] },
      root,
    );
    await assertAccepted(await makeClient(unbound, { subject: 'x' }), { intermediates: [unbound] });
  });

  it('is refused when another client issued the certificate', async () => {
    const client = await makeClient(root, { subject: 'client', usage: null });
    const leaf = await makeClient(client, { subject: 'x' });
    await assertRefused(leaf, 'issuer: not an authority', { intermediates: [client] });
    const signing = await makeClient(root, { subject: 'client' });
    const other = await makeClient(signing, { subject: 'x' });
    await assertRefused(other, 'no authority issued it', { intermediates: [signing] });
  });

  it('is refused when an authority has expired, although it was not when the app was deployed', async () => {
    const clock = fixedClock();
    const authenticator = await open([root], null, clock);
    const notAfter = new Date(Date.now() + 10 * HOUR_MS);
    const leaf = await makeClient(root, { subject: 'x', notAfter });
    const credentials = credentialsOf(leaf.certificate);
    const first = authenticator.authenticate(credentials);
    assert.ok(first.ok);
    assert.equal(authenticator.isCurrent(first.caller), true);
    clock.move(HOUR_MS + 1000);
    assert.equal(authenticator.isCurrent(first.caller), false);
    assert.deepEqual(authenticator.authenticate(credentials), {
      ok: false,
      reason: 'issuer: the credential has expired',
    });
  });

  it('keeps to the length that an authority allows below it', async () => {
    const strict = await makeAuthority({ subject: 'strict', pathLength: 0 });
    const between = await makeAuthority({ subject: 'between' }, strict);
    await assertAccepted(await makeClient(strict, { subject: 'x' }), { authorities: [strict] });
    const deep = await makeClient(between, { subject: 'x' });
    await assertRefused(deep, 'issuer: path too long for it', {
      authorities: [strict],
      intermediates: [between],
    });
    // An authority cannot lengthen what the one above it allows.
    const one = await makeAuthority({ subject: 'one', pathLength: 1 });
    const two = await makeAuthority({ subject: 'two', pathLength: 5 }, one);
    const three = await makeAuthority({ subject: 'three', pathLength: 5 }, two);
    await assertAccepted(await makeClient(two, { subject: 'x' }), {
      authorities: [one],
      intermediates: [two],
    });
    await assertRefused(await makeClient(three, { subject: 'x' }), 'issuer: path too long for it', {
      authorities: [one],
      intermediates: [two, three],
    });
  });

  it('has a greatest length, and a caller may send only so many certificates', async () => {
    const most = LIMITS.mtlsPathMax.value;
    const chain = [root];
    while (chain.length < most)
      chain.push(await makeAuthority({ subject: `level ${chain.length}` }, chain.at(-1)));
    const atLimit = chain[most - 2] ?? root;
    const past = chain[most - 1] ?? root;
    await assertAccepted(await makeClient(atLimit, { subject: 'x' }), { intermediates: chain.slice(1) });
    const deep = await makeClient(past, { subject: 'x' });
    await assertRefused(deep, 'no authority issued it', { intermediates: chain.slice(1) });

    const count = LIMITS.mtlsIntermediatesMax.value;
    const leaf = await makeClient(root, { subject: 'x' });
    await assertAccepted(leaf, { intermediates: Array.from({ length: count }, () => root) });
    const tooMany = Array.from({ length: count + 1 }, () => root);
    await assertRefused(leaf, 'too many certificates', { intermediates: tooMany });
  });

  it('is given up when too many signatures would have to be verified', async () => {
    // All of one name, and each could have issued every other.
    const same = async (count: number) =>
      Promise.all(Array.from({ length: count }, () => makeAuthority({ subject: 'same' })));
    const leaf = await makeClient(await makeAuthority({ subject: 'same' }), { subject: 'x' });
    const most = LIMITS.mtlsVerificationsMax.value;
    await assertRefused(leaf, 'issuer: wrong signature', { authorities: await same(most) });
    await assertRefused(leaf, 'issuer: too many possible paths', { authorities: await same(most + 1) });
  });
});
