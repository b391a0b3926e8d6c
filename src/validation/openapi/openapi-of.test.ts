import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseManifest, withFiles, type Manifest } from '../../manifest/index.ts';
import { openApiOf } from './openapi-of.ts';

const FILES = {
  'schemas/order.json': {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $defs: { item: { type: 'object', properties: { part: { $ref: '#' }, qty: { type: 'integer' } } } },
    type: 'object',
    properties: { items: { type: 'array', items: { $ref: '#/$defs/item' } } },
    required: ['items'],
  },
  'schemas/list.json': {
    type: 'object',
    properties: { page: { type: 'integer' }, tag: { type: 'array', items: { type: 'string' } } },
    required: ['page'],
    additionalProperties: false,
  },
  'schemas/id.json': { type: 'object', properties: { id: { type: 'string', format: 'uuid' } } },
};

const MANIFEST = {
  name: 'shop',
  auth: {
    jwt: { customers: { issuer: 'https://id.example', audience: 'shop' } },
    apiKey: { partners: { scopes: ['orders.read'] } },
  },
  functions: {
    orders: {
      entry: 'src/orders.ts',
      routes: [
        {
          path: '/orders/:id',
          methods: ['PUT'],
          auth: { jwt: 'customers' },
          body: 'schemas/order.json',
          params: 'schemas/id.json',
          rate: '60/min per subject',
        },
        {
          path: '/orders',
          methods: ['GET'],
          auth: { apiKey: 'partners', scopes: ['orders.read'] },
          query: 'schemas/list.json',
        },
      ],
    },
    pages: {
      entry: 'src/pages.ts',
      routes: [
        { path: '/pages/*', methods: ['GET'], auth: 'public' },
        { path: '/pages', methods: ['POST'], auth: 'control', types: ['image/*'] },
      ],
    },
  },
};

function manifestOf(input: unknown, files: Readonly<Record<string, unknown>>): Manifest {
  const texts = Object.entries(files).map(([path, schema]): [string, string] => [
    path,
    JSON.stringify(schema),
  ]);
  return withFiles(parseManifest(JSON.stringify(input)), Object.fromEntries(texts));
}

const document = openApiOf(manifestOf(MANIFEST, FILES), { url: 'https://shop.example' });

/** The value at a JSON Pointer whose steps are written with spaces between them. */
function at(steps: string): unknown {
  return steps
    .split(' ')
    .reduce<unknown>((value, step) => (value as Record<string, unknown>)[step], document);
}

describe('the OpenAPI document of an app', () => {
  it('says of a route that delivers events that what is sent is taken, and no function answers', () => {
    const route = { path: '/in', methods: ['POST'], auth: 'control', deliver: 'cloudevents' };
    const input = { name: 'shop', functions: { main: { entry: 'main.ts', routes: [route] } } };
    const { paths } = openApiOf(manifestOf(input, {}), { url: null }) as {
      paths: Record<string, { post: { responses: object } }>;
    };
    const codes = Object.keys(paths['/in']?.post.responses ?? {});
    assert.deepEqual(codes, ['202', '400', '401', '413', '415', '429', 'default']);
  });

  it('has every route as operations, with parameters, body and refusals', () => {
    assert.deepEqual(Object.keys(at('paths') as object), [
      '/orders',
      '/orders/{id}',
      '/pages',
      '/pages/{rest}',
    ]);
    assert.deepEqual(at('paths /orders/{id} put'), {
      operationId: 'orders-put',
      tags: ['orders'],
      parameters: [
        {
          name: 'id',
          in: 'path',
          required: true,
          schema: { $ref: '#/components/schemas/id/properties/id' },
        },
      ],
      requestBody: {
        required: true,
        content: { 'application/json': { schema: { $ref: '#/components/schemas/order' } } },
      },
      responses: {
        '2XX': { description: 'The answer of the function.' },
        '400': { $ref: '#/components/responses/Error' },
        '401': { $ref: '#/components/responses/Error' },
        '413': { $ref: '#/components/responses/Error' },
        '415': { $ref: '#/components/responses/Error' },
        '429': { $ref: '#/components/responses/Error' },
        default: { $ref: '#/components/responses/Error' },
      },
      security: [{ 'jwt-customers': [] }],
      'x-cordon': { params: { $ref: '#/components/schemas/id' } },
    });
    assert.deepEqual(at('paths /orders get parameters'), [
      {
        name: 'page',
        in: 'query',
        required: true,
        schema: { $ref: '#/components/schemas/list/properties/page' },
      },
      {
        name: 'tag',
        in: 'query',
        required: false,
        schema: { $ref: '#/components/schemas/list/properties/tag' },
      },
    ]);
    assert.deepEqual(at('paths /orders get security'), [{ 'apiKey-partners': ['orders.read'] }]);
    assert.deepEqual(at('paths /pages/{rest} get security'), []);
    assert.deepEqual(at('paths /pages/{rest} get x-cordon'), { path: '/pages/*' });
    assert.deepEqual(at('paths /pages post requestBody'), { content: { 'image/*': {} } });
    assert.deepEqual(at('paths /pages post security'), [{ control: [] }]);
  });

  it('has the authenticators that routes name, without secrets', () => {
    assert.deepEqual(at('components securitySchemes jwt-customers'), {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
      'x-cordon': { kind: 'jwt', name: 'customers', issuer: 'https://id.example', audience: ['shop'] },
    });
    assert.deepEqual(Object.keys(at('components securitySchemes') as object), [
      'apiKey-partners',
      'control',
      'jwt-customers',
    ]);
  });

  it('has every schema once, and its references lead to where it stands', () => {
    assert.deepEqual(Object.keys(at('components schemas') as object), ['id', 'list', 'order', 'Error']);
    assert.equal(at('components schemas order $schema'), undefined);
    assert.equal(
      at('components schemas order properties items items $ref'),
      '#/components/schemas/order/$defs/item',
    );
    assert.equal(
      at('components schemas order $defs item properties part $ref'),
      '#/components/schemas/order',
    );
    const references = JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]*)"/g);
    for (const [, pointer = ''] of references)
      assert.notEqual(at(pointer.replaceAll('/', ' ')), undefined, pointer);
  });

  it('is the same for the same manifest', () => {
    const again = openApiOf(manifestOf(structuredClone(MANIFEST), FILES), { url: 'https://shop.example' });
    assert.equal(JSON.stringify(again), JSON.stringify(document));
    assert.ok(!('servers' in openApiOf(manifestOf(MANIFEST, FILES), { url: null })));
  });

  it('needs schemas that can be read', () => {
    assert.throws(() => openApiOf(manifestOf(MANIFEST, {}), { url: null }), { code: 'CORDON_MANIFEST_FILE' });
    const broken = { ...FILES, 'schemas/order.json': { $ref: 'https://a.example/' } };
    assert.throws(() => openApiOf(manifestOf(MANIFEST, broken), { url: null }), {
      code: 'CORDON_SCHEMA_INVALID',
    });
  });
});
