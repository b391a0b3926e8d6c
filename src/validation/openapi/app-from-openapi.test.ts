import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import {
  documentOf,
  fileOf,
  imported,
  jsonBody,
  manifestOf,
  onlyRoute,
  operation,
  refuses,
  routesOf,
} from './import.fixture.ts';

describe('the checks of an imported operation', () => {
  it('are schemas of its parameters, under the names that a route can have', () => {
    const parameters = [
      { $ref: '#/components/parameters/Page' },
      { name: 'tags', in: 'query', schema: { type: 'array', items: { type: 'string' } } },
      { name: 'order-id', in: 'path', required: true, schema: { type: 'integer' } },
      { name: 'X-Version', in: 'header', required: true, schema: { type: 'integer' } },
      { name: 'Authorization', in: 'header', schema: { type: 'string' } },
    ];
    const page = { name: 'page', in: 'query', required: true, schema: { type: 'integer' } };
    const app = imported(
      documentOf({ '/a/{order-id}': { parameters, get: {} } }, { parameters: { Page: page } }),
    );
    const route = onlyRoute(app);
    assert.equal(route.path, '/a/:order_id');
    assert.deepEqual(fileOf(app, route.query), {
      type: 'object',
      properties: { page: { type: 'integer' }, tags: { type: 'array', items: { type: 'string' } } },
      required: ['page'],
      additionalProperties: false,
    });
    assert.deepEqual(fileOf(app, route.params), {
      type: 'object',
      properties: { order_id: { type: 'integer' } },
      required: ['order_id'],
    });
    assert.deepEqual(fileOf(app, route.headers), {
      type: 'object',
      properties: { 'x-version': { type: 'integer' } },
      required: ['x-version'],
    });
  });

  it('are schemas that stand alone, with all that they refer to', () => {
    const schemas = {
      Order: {
        type: 'object',
        properties: { items: { type: 'array', items: { $ref: '#/components/schemas/Item' } } },
      },
      Item: {
        type: 'object',
        properties: {
          parent: { $ref: '#/components/schemas/Order' },
          self: { $ref: '#/components/schemas/Item' },
        },
      },
    };
    const app = imported(operation(jsonBody({ $ref: '#/components/schemas/Order' }), { schemas }));
    assert.equal(onlyRoute(app).body, 'schemas/order.json');
    assert.deepEqual(fileOf(app, 'schemas/order.json'), {
      type: 'object',
      properties: { items: { type: 'array', items: { $ref: '#/$defs/Item' } } },
      $defs: {
        Item: { type: 'object', properties: { parent: { $ref: '#' }, self: { $ref: '#/$defs/Item' } } },
      },
    });
  });

  it('leave out what only OpenAPI knows, and write the type that was meant', () => {
    const app = imported(
      operation(
        jsonBody({
          properties: { a: { type: 'string', example: 'x', xml: {} } },
          discriminator: { propertyName: 'a' },
          'x-own': 1,
        }),
      ),
    );
    assert.deepEqual(fileOf(app, onlyRoute(app).body), {
      type: 'object',
      properties: { a: { type: 'string' } },
    });
    assert.deepEqual(app.notes, []);
  });

  it('are noted where they cannot be kept, and never weaker than strict JSON', () => {
    const cases: [unknown, RegExp][] = [
      [{ type: 'string', pattern: '(?=a)' }, /the pattern .* is not checked/],
      [{ type: 'string', format: 'decimal' }, /the format "decimal" is not checked/],
      [{ $dynamicRef: '#x' }, /not checked: \$dynamicRef/],
      [{ type: 'strin' }, /not checked/],
      [
        {
          type: 'object',
          properties: Object.fromEntries(
            Array.from({ length: LIMITS.schemaNodesMax.value }, (_, i) => [`p${i}`, {}]),
          ),
        },
        /too many subschemas/,
      ],
    ];
    for (const [schema, note] of cases) {
      const app = imported(operation(jsonBody(schema)));
      assert.match(app.notes.map(({ text }) => text).join(), note);
      assert.notEqual(onlyRoute(app).body, null);
    }
  });

  it('are content types where the body is something else than JSON', () => {
    const content = { 'Multipart/Form-Data; boundary=x': {}, 'image/*': {} };
    const route = onlyRoute(imported(operation({ requestBody: { content } })));
    assert.deepEqual([route.types, route.body], [['multipart/form-data', 'image/*'], null]);
    const every = onlyRoute(imported(operation({ requestBody: { content: { '*/*': {} } } })));
    assert.deepEqual([every.types, every.body], [null, null]);
    const mixed = imported(
      operation({ requestBody: { content: { 'application/json': {}, 'text/plain': {} } } }),
    );
    assert.equal(onlyRoute(mixed).body, null);
    assert.match(mixed.notes[0]?.text ?? '', /not checked/);
  });
});

describe('the entry module of an imported function', () => {
  it('is valid code that answers 501, whatever the document says', async (t) => {
    const hostile = '*/ process.exit(3); /* \u2028 ` ${process.exit(3)} \\';
    const schema = {
      type: 'object',
      properties: { [hostile]: { enum: [hostile] }, ok: { type: 'array', items: { type: 'integer' } } },
      required: ['ok'],
    };
    const app = imported(
      documentOf({
        '/a/{id}': { post: { summary: hostile, ...jsonBody(schema) }, get: { summary: 'Shows.' } },
      }),
    );
    const [path, text] = app.files.find(([name]) => name.startsWith('src/')) ?? ['', ''];
    assert.equal(path, 'src/a-id.ts');
    assert.match(text, /readonly ok: readonly \(number\)\[\];/);
    const folder = await mkdtemp(join(tmpdir(), 'cordon-openapi-'));
    t.after(() => rm(folder, { recursive: true }));
    const file = join(folder, 'a-id.ts');
    await writeFile(file, text);
    const module = (await import(file)) as {
      default: { fetch(request: Request, env: unknown): Promise<Response> };
    };
    const status = async (method: string) =>
      (await module.default.fetch(new Request('http://a/a/1', { method }), {})).status;
    assert.deepEqual(await Promise.all(['GET', 'HEAD', 'POST', 'DELETE'].map(status)), [501, 501, 501, 405]);
  });
});

describe('an OpenAPI document', () => {
  it('is one of 3.1, in JSON or YAML', () => {
    assert.equal(onlyRoute(imported('openapi: "3.1.1"\npaths:\n  /a:\n    get: {}\n')).path, '/a');
    refuses('openapi: "3.0.3"\npaths: {}\n', /its version is "3\.0\.3"/);
    refuses({ swagger: '2.0' }, /its version is "2\.0"/);
    refuses('', /no version/);
    refuses('[]', /no version/);
    refuses(documentOf({}), /no operation/);
    refuses('{"openapi":"3.1.0","openapi":"3.1.0"}', /duplicateKey/);
    refuses('openapi: 3.1.0\nopenapi: 3.1.0\n', /not YAML/);
    refuses('a: [', /not YAML/);
  });

  it('refers to itself alone, and not in a circle', () => {
    for (const $ref of ['https://evil.example/x', 'file:///etc/passwd', './other.yaml']) {
      refuses(documentOf({ '/a': { $ref } }), /into the document itself/);
      refuses(operation({ requestBody: { $ref } }), /into the document itself/);
      const app = imported(operation(jsonBody({ type: 'object', properties: { a: { $ref } } })));
      assert.match(app.notes[0]?.text ?? '', /into the document itself/);
    }
    refuses(operation({ requestBody: { $ref: '#/components/none' } }), /nothing at/);
    const circle = {
      requestBodies: {
        a: { $ref: '#/components/requestBodies/b' },
        b: { $ref: '#/components/requestBodies/a' },
      },
    };
    refuses(operation({ requestBody: { $ref: '#/components/requestBodies/a' } }, circle), /circle/);
  });

  it('cannot make much of little', () => {
    const aliases = [
      'a: &a [x, x]',
      ...Array.from(
        { length: 30 },
        (_, i) => `b${i}: &b${i} [*${i === 0 ? 'a' : `b${i - 1}`}, *${i === 0 ? 'a' : `b${i - 1}`}]`,
      ),
    ];
    refuses(`openapi: 3.1.0\n${aliases.join('\n')}\n`, /not YAML/);
    refuses(`${'['.repeat(100_000)}`, /not YAML/);
    refuses(`{"a":${'['.repeat(100)}${']'.repeat(100)}}`, /depth/);
  });

  it('may have as many bytes as the limit, and not one more', () => {
    const max = LIMITS.openApiBytesMax.value;
    const filled = (bytes: number) => {
      const text = JSON.stringify(documentOf({ '/a': { get: {} } }, {}, { 'x-fill': '' }));
      return text.replace('"x-fill":""', `"x-fill":"${'x'.repeat(bytes - text.length)}"`);
    };
    assert.equal(onlyRoute(imported(filled(max))).path, '/a');
    refuses(filled(max + 1), /more than/);
  });

  it('may have as many paths as an app has functions, and not one more', () => {
    const many = (count: number) =>
      documentOf(Object.fromEntries(Array.from({ length: count }, (_, i) => [`/p${i}`, { get: {} }])));
    const max = LIMITS.functionsPerAppMax.value;
    assert.equal(routesOf(manifestOf(imported(many(max)))).length, max);
    refuses(many(max + 1), /more than 200 paths/);
  });

  it('has paths that routes can have; others are left out and noted', () => {
    const paths = ['/a/{id}.json', '/a/b c', '/a/../b', '/a?x=1', '//', 'a', '/{a}/{a}', '/__proto__'];
    const app = imported(
      documentOf(Object.fromEntries([...paths, '/fine/{id}/'].map((path) => [path, { get: {} }]))),
    );
    assert.deepEqual(
      routesOf(manifestOf(app)).map(({ path }) => path),
      ['/__proto__', '/fine/:id/'],
    );
    assert.equal(app.notes.length, 7);
    const wrong = documentOf({ '/a/{rest}': { get: { 'x-cordon': { path: '/b/*' } } } });
    assert.equal(onlyRoute(imported(wrong)).path, '/a/:rest');
  });
});
