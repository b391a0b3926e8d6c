import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { createSecureServer as createHttp2 } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import { SystemResolver } from '../../egress/index.ts';
import { PURPOSES, makeAuthority, makeClient } from '../mtls/certificates.fixture.ts';
import { discoveryUrl } from './discovery.ts';
import { IssuerClient } from './issuer-client.ts';
import { one, two, useKeySet } from './key-set.fixture.ts';

const COOLDOWN = LIMITS.jwksCooldownMs.value;
const LIFETIME = LIMITS.jwksLifetimeMs.value;
const place = useKeySet();
const { remake, answerKeysWith, finds } = place;

describe('an issuer that does not answer well', () => {
  const ways: readonly (readonly [string, RegExp, (response: ServerResponse) => unknown])[] = [
    ['with an error', /answered 500/, (response) => response.writeHead(500).end()],
    ['with nothing', /failed/, (response) => response.destroy()],
    [
      'with half of it',
      /failed/,
      (response) => (response.writeHead(200), response.write('{'), setImmediate(() => response.destroy())),
    ],
    ['with HTML', /not JSON/, (response) => response.end('<html><body>Sign in</body></html>')],
    ['with bytes', /not JSON/, (response) => response.end(Buffer.from([0xff, 0xfe, 0x00]))],
    ['with another JSON', /no JSON Web Key Set/, (response) => response.end('{"error":"no"}')],
    [
      'with text in bad UTF-8',
      /not JSON/,
      (response) => response.end(Buffer.from('{"keys":[],"x":"\xff"}', 'latin1')),
    ],
    ['with deep JSON', /not JSON|no JSON Web/, (response) => response.end('['.repeat(100_000))],
    ['with a redirect', /answered 302/, (response) => response.writeHead(302, { location: '/other' }).end()],
    ['with no content', /answered 204/, (response) => response.writeHead(204).end()],
    ['not found', /answered 404/, (response) => response.writeHead(404).end()],
    [
      'in another encoding',
      /encodes its answer/,
      (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
    ],
    [
      'with too much',
      /more than/,
      (response) =>
        response.end(JSON.stringify({ keys: [one.jwk], pad: 'x'.repeat(LIMITS.jwksBytesMax.value) })),
    ],
    [
      'with too many keys',
      /more than 100 keys/,
      (response) => response.end(JSON.stringify({ keys: Array.from({ length: 101 }, () => one.jwk) })),
    ],
  ];
  for (const [title, reason, write] of ways) {
    it(title, async () => {
      answerKeysWith(write);
      assert.deepEqual(await place.set.find('ES256', 'one'), {
        ok: false,
        reason: 'the keys of the issuer are not there',
        isPassing: true,
      });
      assert.match(place.set.health().lastFailure ?? '', reason);
      assert.equal(place.set.isCurrent(), false);
      // It is asked again after a while, and then it works.
      place.issuer.answer = null;
      assert.equal(await finds('one'), false);
      place.clock.move(COOLDOWN);
      assert.equal(await finds('one'), true);
      assert.equal(place.set.health().lastFailure, null);
    });
  }

  it('in time', async () => {
    remake({ timeoutMs: 50 });
    answerKeysWith(() => undefined);
    assert.equal(await finds('one'), false);
    assert.match(place.set.health().lastFailure ?? '', /did not answer in time/);
    assert.equal(place.issuer.keyFetches(), 1);
  });

  it('to the end, in time', async () => {
    remake({ timeoutMs: 50 });
    answerKeysWith((response) => response.writeHead(200).write('{"keys":['));
    assert.equal(await finds('one'), false);
    assert.match(place.set.health().lastFailure ?? '', /did not answer in time/);
  });

  it('but the second time it is asked', async () => {
    answerKeysWith((response) => {
      place.issuer.answer = null;
      response.writeHead(503).end();
    });
    assert.equal(await finds('one'), true);
    assert.equal(place.issuer.keyFetches(), LIMITS.issuerAttemptsMax.value);
  });

  it('at the largest answer there may be', async () => {
    const most = LIMITS.jwksBytesMax.value;
    const base = JSON.stringify({ keys: [one.jwk], pad: '' }).length;
    answerKeysWith((response) =>
      response.end(JSON.stringify({ keys: [one.jwk], pad: 'x'.repeat(most - base) })),
    );
    assert.equal(await finds('one'), true);
    answerKeysWith((response) =>
      response.end(JSON.stringify({ keys: [two.jwk], pad: 'x'.repeat(most - base + 1) })),
    );
    place.clock.move(LIFETIME);
    assert.equal(await finds('one'), true);
    assert.match(place.set.health().lastFailure ?? '', /more than/);
  });
});

describe('discovery', () => {
  const documents: readonly (readonly [string, RegExp, (url: string) => unknown])[] = [
    ['of another issuer', /another issuer/, (url) => ({ issuer: `${url}/`, jwks_uri: `${url}/keys` })],
    ['without an issuer', /shape/, (url) => ({ jwks_uri: `${url}/keys` })],
    ['without keys', /shape/, (url) => ({ issuer: url })],
    ['with keys in a list', /shape/, (url) => ({ issuer: url, jwks_uri: [`${url}/keys`] })],
    ['with keys in a file', /not an https URL/, (url) => ({ issuer: url, jwks_uri: 'file:///etc/passwd' })],
    [
      'with keys as data',
      /not an https URL/,
      (url) => ({ issuer: url, jwks_uri: 'data:application/json,{}' }),
    ],
    [
      'with credentials',
      /not an https URL/,
      (url) => ({ issuer: url, jwks_uri: url.replace('//', '//a:b@') }),
    ],
    ['with a path alone', /not an https URL/, (url) => ({ issuer: url, jwks_uri: '/keys' })],
    ['that is a list', /shape/, () => []],
    [
      'that is too large',
      /more than/,
      (url) => ({ issuer: url, pad: 'x'.repeat(LIMITS.discoveryBytesMax.value) }),
    ],
  ];
  for (const [title, reason, document] of documents) {
    it(`is refused with a document ${title}`, async () => {
      place.issuer.answer = (path, response) => {
        if (path === '/keys') return false;
        response.end(JSON.stringify(document(place.issuer.url)));
        return true;
      };
      assert.equal(await finds('one'), false);
      assert.match(place.set.health().lastFailure ?? '', reason);
      assert.equal(place.issuer.keyFetches(), 0);
    });
  }

  it('is done again for each fetch, and one that changed its issuer leaves the keys that were', async () => {
    await finds('one');
    place.issuer.keys = [two.jwk];
    place.issuer.answer = (path, response) => {
      if (path === '/keys') return false;
      response.end(JSON.stringify({ issuer: 'https://evil.example', jwks_uri: `${place.issuer.url}/keys` }));
      return true;
    };
    assert.equal(await finds('two'), false);
    place.clock.move(LIFETIME);
    assert.equal(await finds('one'), true);
    assert.equal(place.set.health().isStale, true);
  });

  it('takes the largest document that there may be', async () => {
    const { url } = place.issuer;
    const document = { issuer: url, jwks_uri: `${url}/keys`, pad: '' };
    const pad = 'x'.repeat(LIMITS.discoveryBytesMax.value - JSON.stringify(document).length);
    place.issuer.answer = (path, response) => {
      if (path === '/keys') return false;
      response.end(JSON.stringify({ ...document, pad }));
      return true;
    };
    assert.equal(await finds('one'), true);
  });

  it('is below the path of the issuer', () => {
    assert.equal(discoveryUrl('https://a.example'), 'https://a.example/.well-known/openid-configuration');
    assert.equal(
      discoveryUrl('https://a.example/t/'),
      'https://a.example/t/.well-known/openid-configuration',
    );
  });
});

describe('the way to an issuer', () => {
  it('is https to public addresses, unless private ones are allowed', async () => {
    const { port } = new URL(place.issuer.url);
    const refusals: readonly (readonly [string, RegExp])[] = [
      [place.issuer.url, /not an https URL/],
      [`https://127.0.0.1:${port}`, /not a public one/],
      [`https://localhost:${port}`, /not a public one/],
      [`https://[::1]:${port}`, /not a public one/],
      ['https://169.254.169.254', /not a public one/],
    ];
    for (const [name, reason] of refusals) {
      remake({ issuer: name, unsafePrivate: false });
      assert.equal(await finds('one'), false);
      assert.match(place.set.health().lastFailure ?? '', reason, name);
    }
    assert.deepEqual(place.issuer.asked, []);
  });

  it('is TLS to the host that is named, by an authority that is trusted, over HTTP/1.1 and HTTP/2', async () => {
    const authority = await makeAuthority({ key: 'p256' });
    const names = [{ type: 'ip', value: '127.0.0.1' }] as const;
    const leaf = await makeClient(authority, { key: 'p256', names, purposes: [PURPOSES.server] });
    const answer = (_: unknown, response: { end(text: string): unknown }): void =>
      void response.end(JSON.stringify({ keys: [one.jwk] }));
    const tls = { key: leaf.keyPem, cert: leaf.pem };
    for (const server of [createHttps(tls, answer), createHttp2(tls, answer)]) {
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const client = (ca: readonly string[] | undefined): IssuerClient =>
        new IssuerClient({ resolver: new SystemResolver(), unsafePrivate: true, ca });
      const clients = { trusting: client([authority.pem]), other: client(undefined) };
      assert.deepEqual(await clients.trusting.json(`https://127.0.0.1:${port}/keys`, 10_000), {
        keys: [one.jwk],
      });
      await assert.rejects(clients.trusting.json(`https://localhost:${port}/keys`, 10_000), {
        code: 'CORDON_EGRESS_FAILED',
      });
      await assert.rejects(clients.other.json(`https://127.0.0.1:${port}/keys`, 10_000), {
        code: 'CORDON_EGRESS_FAILED',
      });
      clients.trusting.close();
      clients.other.close();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    }
  });

  it('does not lead to metadata services where private ones are allowed', async () => {
    remake({ issuer: 'http://169.254.169.254' });
    assert.equal(await finds('one'), false);
    assert.match(place.set.health().lastFailure ?? '', /metadata/);
  });
});
