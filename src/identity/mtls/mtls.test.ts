import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../contract/index.ts';
import { KEY_USAGE, PURPOSES, extensionOf, makeAuthority, makeClient } from './certificates.fixture.ts';
import type { CertificateOptions } from './certificates.fixture.ts';
import {
  DER_NULL,
  assertAccepted,
  assertRefused,
  credentialsOf,
  fixedClock,
  open,
  root,
} from './mtls.fixture.ts';

describe('a client certificate', () => {
  it('of the authority is accepted, and says who calls, with what and for how long', async () => {
    const notAfter = new Date('2099-01-01T00:00:00Z');
    const leaf = await makeClient(root, { names: [{ type: 'dns', value: 'Orders.Example' }], notAfter });
    assert.deepEqual(await assertAccepted(leaf), {
      kind: 'machine',
      authenticator: 'mtls:partners',
      subject: 'DNS:orders.example',
      credential: `sha256:${leaf.certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`,
      scopes: [],
      claims: {},
      // The authority ends first.
      expiresAt: root.certificate.validToDate.getTime(),
    });
  });

  it('that is missing is refused', async () => {
    const authenticator = await open([root]);
    assert.deepEqual(authenticator.authenticate(credentialsOf(null)), {
      ok: false,
      reason: 'no credentials',
    });
  });

  it('is accepted with every kind of key and signature that is strong, from any of the authorities', async () => {
    for (const [issuing, key] of [
      ['ed25519', 'p256'],
      ['p256', 'p384'],
      ['p384', 'rsa2048'],
      ['rsa2048', 'ed25519'],
      ['pss2048', 'ed25519'],
    ] as const) {
      const authority = await makeAuthority({ key: issuing });
      const leaf = await makeClient(authority, { subject: 'x', key });
      await assertAccepted(leaf, { authorities: [root, authority] });
    }
  });

  it('is refused when a key or a signature of it, or of its issuer, is weak', async () => {
    const weak: readonly [CertificateOptions, CertificateOptions, string][] = [
      [{}, { key: 'rsa1024' }, 'certificate: RSA key of 1024 bits'],
      [{ key: 'rsa2048', hash: 'SHA-1' }, {}, 'certificate: signature algorithm sha1WithRSAEncryption'],
      [{ key: 'pss2048', hash: 'SHA-1' }, {}, 'certificate: signature with SHA-1'],
      [{ key: 'p256' }, { hash: 'SHA-1' }, 'certificate: signature algorithm ecdsa-with-SHA1'],
    ];
    for (const [authorityOptions, options, reason] of weak) {
      // An authority may not sign itself so either, so one stands between.
      const issuer = await makeAuthority({ subject: 'weak', ...authorityOptions }, root);
      await assertRefused(await makeClient(issuer, { subject: 'x', ...options }), reason, {
        intermediates: [issuer],
      });
    }
    const issuer = await makeAuthority({ subject: 'weak', key: 'rsa1024' }, root);
    const leaf = await makeClient(issuer, { subject: 'x' });
    await assertRefused(leaf, 'issuer: RSA key of 1024 bits', { intermediates: [issuer] });
  });

  it('is refused from another authority, also one of the same name, and when nobody issued it', async () => {
    const twin = await makeAuthority({ subject: 'root' });
    await assertRefused(
      await makeClient(await makeAuthority({ subject: 'other' }), { subject: 'x' }),
      'no authority issued it',
    );
    await assertRefused(await makeClient(twin, { subject: 'x' }), 'issuer: wrong signature');
    const selfMade = await makeAuthority({ subject: 'x', authority: false, usage: null });
    await assertRefused(selfMade, 'no authority issued it');
    // Sending the false authority along changes nothing.
    await assertRefused(await makeClient(twin, { subject: 'x' }), 'issuer: wrong signature', {
      intermediates: [twin],
    });
  });

  it('is refused before and after its time, to the millisecond', async () => {
    const notBefore = new Date(Math.floor(Date.now() / 1000) * 1000 + 60_000);
    const notAfter = new Date(notBefore.getTime() + 60_000);
    const leaf = await makeClient(root, { subject: 'x', notBefore, notAfter });
    for (const [at, reason] of [
      [notBefore.getTime() - 1, 'not yet in force'],
      [notBefore.getTime(), null],
      [notAfter.getTime(), null],
      [notAfter.getTime() + 1, 'the credential has expired'],
    ] as const) {
      const authenticator = await open([root], null, fixedClock(at));
      const verdict = authenticator.authenticate(credentialsOf(leaf.certificate));
      assert.equal(verdict.ok ? null : verdict.reason, reason);
    }
  });

  it('is refused when its use is another one', async () => {
    const refused: readonly [CertificateOptions, string][] = [
      [{ purposes: [PURPOSES.server] }, 'certificate: not for clients'],
      [{ purposes: [PURPOSES.any] }, 'certificate: not for clients'],
      [{ usage: KEY_USAGE.keyEncipherment }, 'certificate: not for signatures'],
      [{ authority: true }, 'certificate: of an authority'],
    ];
    for (const [options, reason] of refused)
      await assertRefused(await makeClient(root, { subject: 'x', ...options }), reason);
    const accepted: readonly CertificateOptions[] = [
      { purposes: [PURPOSES.server, PURPOSES.client] },
      { purposes: null },
      { usage: null },
      { authority: null },
    ];
    for (const options of accepted)
      await assertAccepted(await makeClient(root, { subject: 'x', ...options }));
  });

  it('is refused with extensions that are critical and unknown, constrain names, or stand there twice', async () => {
    const unknown = (critical: boolean) => extensionOf('1.2.3.4', critical, DER_NULL);
    await assertAccepted(await makeClient(root, { subject: 'x', extensions: [unknown(false)] }));
    const refused: readonly [CertificateOptions, string][] = [
      [{ extensions: [unknown(true)] }, 'certificate: unknown critical extension 1.2.3.4'],
      [{ extensions: [unknown(false), unknown(false)] }, 'certificate: an extension twice'],
      [{ extensions: [extensionOf('2.5.29.30', false, [0x30, 0])] }, 'certificate: name constraints'],
      [{ extensions: [extensionOf('2.5.29.17', false, [0x30, 5])] }, 'certificate: malformed'],
    ];
    for (const [options, reason] of refused)
      await assertRefused(await makeClient(root, { subject: 'x', ...options }), reason);
  });

  it('may be as large as the limit and no larger', async () => {
    const most = LIMITS.mtlsCertificateBytesMax.value;
    const sized = (bytes: number) => {
      // An octet string whose length takes three bytes.
      const content = Array.from({ length: bytes }, () => 0);
      const der = [0x04, 0x82, bytes >> 8, bytes & 0xff, ...content];
      return makeClient(root, { subject: 'x', extensions: [extensionOf('1.2.3.4', false, der)] });
    };
    const probe = await sized(most - 1000);
    const missing = most - probe.certificate.raw.byteLength;
    await assertAccepted(await sized(most - 1000 + missing));
    await assertRefused(await sized(most - 1000 + missing + 1), 'certificate: too large');
  });
});

describe('the memory of verdicts', () => {
  it('goes by all that was sent, ends with the certificate, and forgets refusals soon', async () => {
    const clock = fixedClock();
    const authenticator = await open([root], null, clock);
    const issuer = await makeAuthority({ subject: 'issuer' }, root);
    const leaf = await makeClient(issuer, { subject: 'x' });
    const alone = credentialsOf(leaf.certificate);
    const whole = credentialsOf(leaf.certificate, [issuer.certificate]);
    assert.equal(authenticator.authenticate(alone).ok, false);
    const verdict = authenticator.authenticate(whole);
    assert.equal(verdict.ok, true);
    assert.equal(authenticator.authenticate(whole), verdict);
    assert.equal(authenticator.authenticate(alone).ok, false);

    const early = await makeClient(root, { subject: 'y', notBefore: new Date(clock.now() + 2000) });
    const credentials = credentialsOf(early.certificate);
    assert.equal(authenticator.authenticate(credentials).ok, false);
    clock.move(LIMITS.mtlsRefusalMs.value - 1);
    assert.equal(authenticator.authenticate(credentials).ok, false);
    clock.move(1);
    assert.equal(authenticator.authenticate(credentials).ok, true);
  });

  it('does not carry over from one authenticator to another', async () => {
    const leaf = await makeClient(root, { subject: 'x' });
    const other = await makeAuthority({ subject: 'other' });
    assert.equal((await open([root])).authenticate(credentialsOf(leaf.certificate)).ok, true);
    assert.equal((await open([other])).authenticate(credentialsOf(leaf.certificate)).ok, false);
  });
});

it('refuses a certificate in which any one bit was turned over', async () => {
  const leaf = await makeClient(root, { subject: 'x', names: [{ type: 'dns', value: 'a.example' }] });
  const authenticator = await open([root], ['DNS:a.example']);
  assert.equal(authenticator.authenticate(credentialsOf(leaf.certificate)).ok, true);
  const { raw } = leaf.certificate;
  fc.assert(
    fc.property(fc.nat({ max: raw.byteLength * 8 - 1 }), (bit) => {
      const changed = Buffer.from(raw);
      changed.writeUInt8((changed[bit >> 3] ?? 0) ^ (1 << (bit & 7)), bit >> 3);
      let certificate: X509Certificate;
      try {
        certificate = new X509Certificate(changed);
      } catch {
        return;
      }
      assert.equal(authenticator.authenticate(credentialsOf(certificate)).ok, false, `bit ${bit}`);
    }),
    { numRuns: 200 },
  );
});
