import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { CorsSpec } from '../../manifest/index.ts';
import { compileResponsePolicy, NO_ROUTE, readPreflight, type AnswerSpec } from './response-policy.ts';

const CORS: CorsSpec = {
  origins: ['https://shop.example', 'http://localhost:3000'],
  methods: null,
  headers: ['Content-Type', 'authorization'],
  exposed: [],
  credentials: false,
  maxAgeMs: 600_000,
};

function policyOf(route: Partial<AnswerSpec> & { readonly shared?: Partial<CorsSpec> } = {}) {
  const { shared, ...rest } = route;
  const cors = shared === undefined ? null : { ...CORS, ...shared };
  return compileResponsePolicy({ ...NO_ROUTE, methods: ['GET', 'PUT'], cors, ...rest });
}

/** Flat fields by name; no name is there twice. */
function byName(fields: readonly string[]): Record<string, string> {
  const named: Record<string, string> = {};
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] ?? '';
    assert.ok(!(name in named), `${name} twice`);
    named[name] = fields[i + 1] ?? '';
  }
  return named;
}

describe('security headers', () => {
  it('are on every answer, and HSTS only on those over TLS', () => {
    const policy = policyOf();
    assert.deepEqual(byName(policy.fieldsFor(null, false)), {
      'content-security-policy':
        "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
    assert.equal(byName(policy.fieldsFor(null, true))['strict-transport-security'], 'max-age=31536000');
  });

  it('can be changed, turned off or left to the function by the manifest alone', () => {
    const policy = policyOf({
      securityHeaders: {
        'x-frame-options': 'SAMEORIGIN',
        'referrer-policy': 'off',
        'content-security-policy': 'function',
      },
    });
    const fields = byName(policy.fieldsFor(null, true));
    assert.equal(fields['x-frame-options'], 'SAMEORIGIN');
    assert.ok(!('referrer-policy' in fields));
    assert.ok(!('content-security-policy' in fields));
    assert.equal(policy.isOwned('content-security-policy'), false);
    for (const name of ['x-frame-options', 'referrer-policy', 'x-content-type-options']) {
      assert.equal(policy.isOwned(name), true, name);
    }
    for (const name of ['content-type', 'set-cookie', 'vary', 'cache-control']) {
      assert.equal(policy.isOwned(name), false, name);
    }
  });
});

describe('pages of other origins', () => {
  it('get nothing on a route without cors, whatever the function says', () => {
    const policy = policyOf();
    assert.equal(
      byName(policy.fieldsFor('https://shop.example', true))['access-control-allow-origin'],
      undefined,
    );
    assert.equal(policy.isOwned('access-control-allow-origin'), true);
    assert.equal(policy.isOwned('access-control-allow-private-network'), true);
    const question = { origin: 'https://shop.example', method: 'PUT', headers: [] };
    assert.equal(policy.preflight(question, true), null);
  });

  it('are answered by name where the manifest lists them, and other origins are not', () => {
    const policy = policyOf({ shared: { credentials: true, exposed: ['X-Total'] } });
    const listed = byName(policy.fieldsFor('https://shop.example', false));
    assert.equal(listed['access-control-allow-origin'], 'https://shop.example');
    assert.equal(listed['access-control-allow-credentials'], 'true');
    assert.equal(listed['access-control-expose-headers'], 'x-total');
    assert.equal(listed['vary'], 'origin');
    for (const origin of [
      'https://evil.example',
      'https://shop.example.evil.example',
      'https://shop.example:8443',
      'http://shop.example',
      'HTTPS://SHOP.EXAMPLE',
      'null',
      null,
    ]) {
      const fields = byName(policy.fieldsFor(origin, false));
      assert.equal(fields['access-control-allow-origin'], undefined, String(origin));
      assert.equal(fields['access-control-allow-credentials'], undefined);
      // A cache must not give one origin the answer for another.
      assert.equal(fields['vary'], 'origin');
    }
    assert.equal(policy.isOwned('access-control-allow-origin'), true);
  });

  it('may be of every origin, then without cookies and without a name', () => {
    const fields = byName(policyOf({ shared: { origins: ['*'] } }).fieldsFor('https://any.example', false));
    assert.equal(fields['access-control-allow-origin'], '*');
    assert.equal(fields['access-control-allow-credentials'], undefined);
    assert.equal(fields['vary'], undefined);
  });

  it('are compared as browsers write them, without the port of the scheme', () => {
    const policy = policyOf({ shared: { origins: ['https://shop.example:443'] } });
    const fields = byName(policy.fieldsFor('https://shop.example', false));
    assert.equal(fields['access-control-allow-origin'], 'https://shop.example');
  });

  it('never see an origin that the manifest does not list', () => {
    const policy = policyOf({ shared: {} });
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webUrl(), fc.constantFrom(...CORS.origins)), (origin) => {
        const told = byName(policy.fieldsFor(origin, false))['access-control-allow-origin'];
        assert.equal(told, CORS.origins.includes(origin) ? origin : undefined);
        const answer = policy.preflight({ origin, method: 'PUT', headers: [] }, false);
        assert.equal(answer?.allowed, CORS.origins.includes(origin));
      }),
    );
  });
});

describe('a preflight', () => {
  const question = { origin: 'https://shop.example', method: 'PUT', headers: ['content-type'] };

  it('is an OPTIONS request with an origin and the method it asks for, once', () => {
    const fields = [
      'Access-Control-Request-Method',
      'PUT',
      'Access-Control-Request-Headers',
      'Content-Type, x-a',
    ];
    assert.deepEqual(readPreflight('OPTIONS', 'https://shop.example', fields), {
      ...question,
      headers: ['content-type', 'x-a'],
    });
    assert.equal(readPreflight('OPTIONS', null, fields), null);
    assert.equal(readPreflight('PUT', 'https://shop.example', fields), null);
    assert.equal(readPreflight('OPTIONS', 'https://shop.example', ['accept', '*/*']), null);
    const twice = [...fields, 'access-control-request-method', 'DELETE'];
    assert.equal(readPreflight('OPTIONS', 'https://shop.example', twice), null);
  });

  it('is allowed for what the manifest lists', () => {
    const answer = policyOf({ shared: {} }).preflight(question, false);
    assert.equal(answer?.allowed, true);
    const fields = byName(answer?.fields ?? []);
    assert.equal(fields['access-control-allow-origin'], 'https://shop.example');
    assert.equal(fields['access-control-allow-methods'], 'GET, PUT, HEAD');
    assert.equal(fields['access-control-allow-headers'], 'content-type, authorization');
    assert.equal(fields['access-control-max-age'], '600');
    assert.equal(fields['x-content-type-options'], 'nosniff');
    assert.equal(fields['access-control-allow-private-network'], undefined);
    assert.match(fields['vary'] ?? '', /^origin, /);
  });

  it('is told nothing for another origin, method or header', () => {
    const policy = policyOf({ shared: { methods: ['GET'] } });
    const cases = [
      [{ ...question, method: 'GET', origin: 'https://evil.example' }, 'origin'],
      [question, 'method'],
      [{ ...question, method: 'get' }, 'method'],
      [{ ...question, method: 'GET', headers: ['x-other'] }, 'header'],
    ] as const;
    for (const [asked, reason] of cases) {
      const answer = policy.preflight(asked, false);
      assert.equal(answer?.allowed, false);
      assert.equal(answer?.reason, reason);
      assert.ok(!answer?.fields.some((field) => field.startsWith('access-control-')));
    }
    assert.equal(policy.preflight({ ...question, method: 'GET' }, false)?.allowed, true);
  });
});
