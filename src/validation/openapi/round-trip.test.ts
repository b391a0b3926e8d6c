import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseManifest, withFiles, type Manifest } from '../../manifest/index.ts';
import { checkSchemas } from '../check-schemas.ts';
import { imported, manifestOf, routesOf, type Json } from './import.fixture.ts';
import { openApiOf } from './openapi-of.ts';

describe('an app that was exported and is imported again', () => {
  const FILES: Readonly<Record<string, unknown>> = {
    'schemas/order.json': {
      $defs: {
        item: { type: 'object', properties: { part: { $ref: '#' }, qty: { type: 'integer', minimum: 1 } } },
      },
      type: 'object',
      description: 'An order.',
      properties: {
        items: { type: 'array', items: { $ref: '#/$defs/item' } },
        note: { type: ['string', 'null'] },
      },
      required: ['items'],
      unevaluatedProperties: false,
    },
    'schemas/list.json': {
      type: 'object',
      properties: { page: { type: 'integer' }, tag: { type: 'array', items: { enum: ['a', 'b'] } } },
      minProperties: 1,
    },
    'schemas/id.json': { type: 'object', properties: { id: { type: 'string', pattern: '^[0-9]+$' } } },
    'schemas/head.json': {
      type: 'object',
      properties: { 'x-version': { type: 'integer' } },
      required: ['x-version'],
    },
  };
  const order = { body: 'schemas/order.json', params: 'schemas/id.json', headers: 'schemas/head.json' };
  const manifest = withFiles(
    parseManifest(
      JSON.stringify({
        name: 'shop',
        auth: {
          jwt: {
            customers: {
              issuer: 'https://id.example',
              audience: ['a', 'b'],
              jwks: 'https://id.example/keys',
            },
          },
          apiKey: { partners: { scopes: ['orders.read', 'orders.write'] } },
          oidc: { people: { issuer: 'https://login.example', clientId: 'shop' } },
        },
        functions: {
          orders: {
            entry: 'src/orders.ts',
            routes: [
              {
                path: '/orders/:id',
                methods: ['PUT', 'PATCH'],
                auth: { jwt: 'customers', scopes: ['w'] },
                ...order,
              },
              {
                path: '/orders',
                methods: ['GET'],
                auth: { apiKey: 'partners', scopes: ['orders.read'] },
                query: 'schemas/list.json',
              },
              {
                path: '/orders',
                methods: ['POST'],
                auth: 'control',
                body: 'json',
                types: ['application/merge-patch+json'],
              },
            ],
          },
          pages: {
            entry: 'src/pages.ts',
            routes: [
              { path: '/pages/:rest/*', methods: ['GET'], auth: { oidc: 'people' } },
              { path: '/pages/', auth: 'public' },
              { path: '/upload', methods: ['POST'], auth: 'public', types: ['image/*', 'application/pdf'] },
            ],
          },
        },
      }),
    ),
    Object.fromEntries(Object.entries(FILES).map(([path, schema]) => [path, JSON.stringify(schema)])),
  );
  const app = imported(openApiOf(manifest, { url: 'https://shop.example' }), true);
  const again = manifestOf(app);

  it('has the same routes, authenticators and schemas', () => {
    assert.deepEqual(app.decisions, []);
    assert.deepEqual(app.notes, []);
    assert.deepEqual(again.auth, manifest.auth);
    const shown = (from: Manifest) =>
      routesOf(from).map((route) => ({
        ...route,
        ...Object.fromEntries(
          (['body', 'query', 'params', 'headers'] as const).map((part) => [
            part,
            route[part] === null || route[part] === 'json'
              ? route[part]
              : (JSON.parse(from.files[route[part]] ?? '') as unknown),
          ]),
        ),
      }));
    assert.deepEqual(shown(again), shown(manifest));
  });

  it('can be deployed and exports the same document', async () => {
    await checkSchemas(again);
    const paths = (from: Manifest) =>
      JSON.parse(
        JSON.stringify(openApiOf(from, { url: null })).replaceAll(
          /"(?:operationId|tags)":(?:"[^"]*"|\[[^\]]*\]),/g,
          '',
        ),
      ) as Json;
    assert.deepEqual(paths(again)['paths'], paths(manifest)['paths']);
  });
});
