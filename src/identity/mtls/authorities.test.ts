import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { CordonError, LIMITS } from '../../contract/index.ts';
import { KEY_USAGE, makeAuthority, makeClient } from './certificates.fixture.ts';
import type { Issued } from './certificates.fixture.ts';
import { MtlsAuthenticator, checkMtls } from './index.ts';

const HOUR_MS = 3_600_000;

let root: Issued;
before(async () => {
  root = await makeAuthority({ subject: 'root' });
});

function check(pem: string | undefined, subjects: readonly string[] | null = null): Promise<void> {
  return checkMtls({ name: 'partners', spec: { ca: 'ca.pem', subjects }, pem }, Date.now());
}

async function assertRefused(pem: string | undefined, reason: RegExp): Promise<void> {
  await assert.rejects(check(pem), (error: unknown) => {
    assert.ok(error instanceof CordonError);
    assert.equal(error.code, 'CORDON_AUTH_INVALID');
    assert.equal(error.details['file'], 'ca.pem');
    assert.equal(error.details['path'], 'auth.mtls.partners.ca');
    assert.match(String(error.details['reason']), reason);
    return true;
  });
}

describe('a file of authorities', () => {
  it('holds certificates, with comments between them and either end of line', async () => {
    const other = await makeAuthority({ subject: 'other' });
    await check(root.pem);
    await check(`subject=CN=root\n${root.pem}\n# the other one\n${other.pem}`);
    await check(root.pem.replaceAll('\n', '\r\n'));
    await check(root.pem.trimEnd());
  });

  it('is refused when it is missing, empty, no PEM or cut', async () => {
    for (const pem of [undefined, '', 'hello', Buffer.from(root.certificate.raw).toString('latin1')])
      await assertRefused(pem, /no certificate \(PEM\)/);
    await assertRefused(root.pem.slice(0, -20), /does not end/);
    await assertRefused(root.pem.slice(0, -20) + root.pem, /certificate 1 is not usable: malformed/);
    await assertRefused(`${root.pem.slice(0, -30)}\n${root.pem}`, /does not end where/);
    const longer = Buffer.concat([root.certificate.raw, Buffer.alloc(3)]).toString('base64');
    const pem = `-----BEGIN CERTIFICATE-----\n${longer}\n-----END CERTIFICATE-----\n`;
    await assertRefused(pem, /something follows it/);
    await assertRefused(root.pem.replace(/^.*\n/, ''), /does not end where/);
    await assertRefused(
      `${root.pem.slice(0, 60)}\n-----END CERTIFICATE-----\n`,
      /certificate 1 is not usable: malformed/,
    );
    await assertRefused(root.pem.replace(/\n[A-Za-z0-9+/]{8}/, '\nAAAAAAAA'), /malformed/);
  });

  it('is refused when it holds a private key or anything else', async () => {
    await assertRefused(root.pem + root.keyPem, /private key/);
    await assertRefused(root.pem.replaceAll('CERTIFICATE', 'PUBLIC KEY'), /it holds a public key/);
    await assertRefused(root.pem.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST'), /certificate request/);
  });

  it('is refused when one of its certificates is not of an authority, is weak or has expired', async () => {
    const client = await makeClient(root, { subject: 'client' });
    await assertRefused(root.pem + client.pem, /certificate 2 is not usable: it is not one of an authority/);
    const mute = await makeAuthority({ usage: KEY_USAGE.digitalSignature });
    await assertRefused(mute.pem, /not for issuing certificates/);
    const weak = await makeAuthority({ key: 'rsa1024' });
    await assertRefused(weak.pem, /RSA key of 1024 bits/);
    const expired = await makeAuthority({ subject: 'old', notAfter: new Date(Date.now() - 1000) });
    await assertRefused(root.pem + expired.pem, /CN=old expired on/);
    const future = await makeAuthority({ notBefore: new Date(Date.now() + HOUR_MS / 2) });
    await assertRefused(future.pem, /none of its certificates is in force yet/);
    await check(root.pem + future.pem);
  });

  it('may hold as many certificates as the limit and no more', async () => {
    const most = LIMITS.mtlsAuthoritiesMax.value;
    await check(root.pem.repeat(most));
    await assertRefused(root.pem.repeat(most + 1), /more than 50 certificates/);
  });

  it('with an authority that has expired since it was deployed still opens, and lets nobody in', async () => {
    const expired = await makeAuthority({ notAfter: new Date(Date.now() - 1000) });
    const { certificate: leaf } = await makeClient(expired, { subject: 'x' });
    const clock = { now: () => Date.now(), monotonic: () => 0 };
    const spec = { ca: 'ca.pem', subjects: null };
    const authenticator = await MtlsAuthenticator.open({ name: 'a', spec, pem: expired.pem, clock });
    const verdict = authenticator.authenticate({
      authorization: null,
      cookie: null,
      field: () => null,
      certificate: { leaf, intermediates: [] },
      body: null,
      address: '',
    });
    assert.deepEqual(verdict, { ok: false, reason: 'issuer: the credential has expired' });
  });
});

it('a rule that no certificate can match is refused with its place', async () => {
  await check(root.pem, ['CN=a', 'DNS:*.a.example']);
  await assert.rejects(check(root.pem, ['CN=a', 'DNS:a.*.example']), (error: unknown) => {
    assert.ok(error instanceof CordonError);
    assert.equal(error.code, 'CORDON_AUTH_INVALID');
    assert.equal(error.details['path'], 'auth.mtls.partners.subjects.1');
    assert.match(error.message, /DNS:a\.\*\.example.*not at an end/);
    return true;
  });
});
