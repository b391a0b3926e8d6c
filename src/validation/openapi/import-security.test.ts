import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ImportedApp } from './app-from-openapi.ts';
import { documentOf, imported, manifestOf, onlyRoute, routesOf } from './import.fixture.ts';

describe('the security of an imported operation', () => {
  const schemes = {
    bearer: { type: 'http', scheme: 'bearer' },
    login: { type: 'openIdConnect', openIdConnectUrl: 'https://id.example/.well-known/openid-configuration' },
    oauth: { type: 'oauth2', flows: {} },
    basic: { type: 'http', scheme: 'basic' },
    certificate: { type: 'mutualTLS' },
    inQuery: { type: 'apiKey', in: 'query', name: 'key' },
    partnerKey: { type: 'apiKey', in: 'header', name: 'x-key' },
    gone: { $ref: '#/components/securitySchemes/partnerKey' },
  };
  const withSecurity = (security: unknown) =>
    imported(documentOf({ '/a': { get: { security } } }, { securitySchemes: schemes }));

  it('is never guessed: what is not said closes the route and asks a person', () => {
    for (const name of [
      'bearer',
      'login',
      'oauth',
      'basic',
      'certificate',
      'inQuery',
      'unknown',
      'toString',
      'constructor',
    ]) {
      const app = withSecurity([{ [name]: [] }]);
      assert.equal(onlyRoute(app).auth, 'control', name);
      assert.equal(app.decisions.length, 1);
    }
    for (const security of [
      [],
      [{}],
      [{ partnerKey: [] }, {}],
      [{ partnerKey: [] }, { bearer: [] }],
      [{ partnerKey: [], bearer: [] }],
      undefined,
      'x',
    ]) {
      const app = withSecurity(security);
      assert.equal(onlyRoute(app).auth, 'control', JSON.stringify(security));
      assert.equal(app.decisions.length, 1);
    }
  });

  it('is an authenticator where the document says all of it', () => {
    const app = withSecurity([{ partnerKey: ['read'] }]);
    assert.deepEqual(onlyRoute(app).auth, { kind: 'apiKey', name: 'partner-key', scopes: ['read'] });
    assert.deepEqual(app.manifest.auth, { apiKey: { 'partner-key': { scopes: ['read'] } } });
    assert.deepEqual(onlyRoute(withSecurity([{ gone: [] }])).auth, {
      kind: 'apiKey',
      name: 'gone',
      scopes: [],
    });
    assert.deepEqual(app.decisions, []);
  });

  it('is that of the document where the operation says none, and public only where that is allowed', () => {
    const document = documentOf(
      { '/a': { get: {} }, '/b': { get: { security: [] } } },
      { securitySchemes: schemes },
      { security: [{ partnerKey: [] }] },
    );
    const auth = (app: ImportedApp) =>
      routesOf(manifestOf(app)).map((route) =>
        typeof route.auth === 'string' ? route.auth : route.auth.kind,
      );
    assert.deepEqual(auth(imported(document)), ['apiKey', 'control']);
    assert.deepEqual(auth(imported(document, true)), ['apiKey', 'public']);
  });
});
