import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CordonError, LIMITS } from '../contract/index.ts';
import { checkSchemas } from './check-schemas.ts';
import { routeValidator } from './route-validator.ts';
import { judgeBody, judgeHead, manifestOf, routeOf, validatorOf } from './validation.fixture.ts';

const ORDER = {
  type: 'object',
  properties: {
    count: { type: 'integer', minimum: 1 },
    note: { type: 'string', maxLength: 10 },
  },
  required: ['count'],
  additionalProperties: false,
};

function query(
  properties: Readonly<Record<string, unknown>>,
  rest: object = { additionalProperties: false },
) {
  return validatorOf({ query: 'query.json' }, { 'query.json': { type: 'object', properties, ...rest } });
}

async function refusesAtDeploy(route: object, schema: unknown, pointer: string): Promise<void> {
  const manifest = manifestOf({ ...route }, { 'schema.json': schema });
  await assert.rejects(checkSchemas(manifest), (error: unknown) => {
    assert.ok(error instanceof CordonError);
    assert.equal(error.code, 'CORDON_SCHEMA_INVALID');
    assert.equal(error.details['pointer'], pointer, error.message);
    return true;
  });
}

describe('the body of a request', () => {
  const validator = validatorOf({ body: 'order.json' }, { 'order.json': ORDER });

  it('follows the schema of its route, and the answer says where it does not and no more', () => {
    assert.equal(judgeBody(validator, { count: 1, note: 'x' }), '');
    assert.equal(judgeBody(validator, { count: 0 }), 'body/count minimum');
    assert.equal(judgeBody(validator, { note: 'x' }), 'body/count required');
    assert.equal(judgeBody(validator, { count: 1, secret: 's3cret' }), 'body/secret additionalProperties');
    const problems = validator.checkBody(Buffer.from('{"count":1,"note":"s3cret s3cret"}'));
    assert.deepEqual(problems, [{ in: 'body', pointer: '/note', keyword: 'maxLength' }]);
  });

  it('is strict JSON, with or without a schema', () => {
    const json = validatorOf({ body: 'json' });
    assert.equal(judgeBody(json, { anything: [1] }), '');
    for (const each of [validator, json]) {
      assert.equal(judgeBody(each, '{"count":1,"count":2}'), 'body/count duplicateKey');
      assert.equal(judgeBody(each, '{"count":1,"__proto__":{}}'), 'body/__proto__ forbiddenKey');
      assert.equal(judgeBody(each, '{"count":1'), 'body syntax');
      assert.equal(judgeBody(each, ''), 'body required');
      const deep = '['.repeat(LIMITS.jsonDepthMax.value + 1) + ']'.repeat(LIMITS.jsonDepthMax.value + 1);
      assert.match(judgeBody(each, deep), /depth$/);
    }
  });

  it('may be as large as the limit, and not one byte larger', () => {
    const json = validatorOf({ body: 'json' });
    const text = (bytes: number) => `"${'x'.repeat(bytes - 2)}"`;
    assert.equal(json.bodyBytesMax, LIMITS.validatedBodyBytesMax.value);
    assert.equal(judgeBody(json, text(json.bodyBytesMax)), '');
    assert.equal(judgeBody(json, text(json.bodyBytesMax + 1)), 'body maxLength');
  });

  it('is pointed at within the limit, at a whole step', () => {
    const json = validatorOf({ body: 'json' });
    const max = LIMITS.problemPointerCharactersMax.value;
    const twice = (key: string) => `{"a":{"${key}":1,"${key}":2}}`;
    assert.equal(judgeBody(json, twice('k'.repeat(max - 3))), `body/a/${'k'.repeat(max - 3)} duplicateKey`);
    assert.equal(judgeBody(json, twice('k'.repeat(max - 2))), 'body/a duplicateKey');
  });

  it('is not looked at where the route does not ask for it', () => {
    const typed = validatorOf({ types: ['image/*'] });
    assert.equal(typed.needsBody, false);
    assert.equal(judgeBody(typed, 'not json'), '');
    assert.equal(validator.needsBody, true);
    const open = manifestOf({});
    assert.equal(routeValidator(open, routeOf(open)), null);
  });
});

describe('the query', () => {
  it('is read as the types that its schema declares', () => {
    const validator = query({
      page: { type: 'integer', minimum: 1 },
      ratio: { type: 'number' },
      deep: { type: 'boolean' },
      sort: { enum: ['up', 'down'] },
      tag: { type: 'array', items: { type: 'integer' }, maxItems: 2 },
    });
    for (const search of [
      '',
      '?',
      '?page=2&ratio=-1.5e2&deep=true&sort=up&tag=1&tag=2',
      'page=9007199254740991',
      '?tag=1',
    ]) {
      assert.equal(judgeHead(validator, { search }), '', search);
    }
    const wrong: Readonly<Record<string, string>> = {
      'page=0': 'query/page minimum',
      'page=': 'query/page type',
      'page=1.0': 'query/page type',
      'page=%201': 'query/page type',
      'page=+1': 'query/page type',
      'page=01': 'query/page type',
      'page=0x10': 'query/page type',
      'page=1e1': 'query/page type',
      'page=9007199254740992': 'query/page type',
      'ratio=1e999': 'query/ratio type',
      'ratio=NaN': 'query/ratio type',
      'ratio=.5': 'query/ratio type',
      'deep=1': 'query/deep type',
      'deep=True': 'query/deep type',
      'sort=left': 'query/sort enum',
      'tag=1&tag=x': 'query/tag/1 type',
      'tag=1&tag=2&tag=3': 'query/tag maxItems',
      'page=1&other=1': 'query/other additionalProperties',
    };
    for (const [search, problem] of Object.entries(wrong)) {
      assert.equal(judgeHead(validator, { search: `?${search}` }), problem, search);
    }
  });

  it('has a parameter once, unless it is a list', () => {
    const validator = query({ id: { type: 'string' } }, {});
    assert.equal(judgeHead(validator, { search: '?id=1&other=2' }), '');
    assert.equal(judgeHead(validator, { search: '?id=1&id=2' }), 'query/id repeated');
    assert.equal(judgeHead(validator, { search: '?other=1&%6fther=2' }), 'query/other repeated');
    assert.equal(judgeHead(validator, { search: '?__proto__=1' }), 'query/__proto__ forbiddenKey');
    assert.equal(judgeHead(validator, { search: '?constructor=1' }), '');
  });

  it('has escapes that are UTF-8', () => {
    const validator = query({ q: { type: 'string', maxLength: 1 } });
    assert.equal(judgeHead(validator, { search: '?q=%C3%A9' }), '');
    for (const search of ['?q=%E9', '?q=%', '?q=%zz', '?q=%C0%80', '?%ff=1', '?q=%ed%a0%80']) {
      assert.equal(judgeHead(validator, { search }), 'query encoding', search);
    }
  });

  it('has as many parameters as the limit, and not one more', () => {
    const max = LIMITS.queryParametersMax.value;
    const validator = query({ tag: { type: 'array', items: { type: 'string' } } });
    const search = (count: number) => Array.from({ length: count }, (_, i) => `tag=${i}`).join('&');
    assert.equal(judgeHead(validator, { search: search(max) }), '');
    assert.equal(judgeHead(validator, { search: search(max + 1) }), 'query maxProperties');
  });

  it('gives back every value that its schema declares, as it was', () => {
    const validator = query({
      i: { type: 'integer' },
      n: { type: 'number' },
      b: { type: 'boolean' },
      s: { type: 'string' },
    });
    const values = fc.record({
      i: fc.maxSafeInteger(),
      n: fc.double({ noNaN: true, noDefaultInfinity: true }),
      b: fc.boolean(),
      s: fc.string({ unit: 'grapheme' }).filter((text) => text.isWellFormed()),
    });
    fc.assert(
      fc.property(values, ({ i, n, b, s }) => {
        const search = new URLSearchParams({ i: String(i), n: String(n), b: String(b), s }).toString();
        assert.equal(judgeHead(validator, { search }), '');
      }),
    );
  });
});

describe('the parameters of the path and the headers', () => {
  it('are read as the types that their schemas declare', () => {
    const params = validatorOf(
      { params: 'params.json' },
      { 'params.json': { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] } },
    );
    assert.equal(judgeHead(params, { params: { id: '12' } }), '');
    assert.equal(judgeHead(params, { params: { id: '12a' } }), 'params/id type');
    assert.equal(judgeHead(params, { params: {} }), 'params/id required');
    const headers = validatorOf(
      { headers: 'headers.json' },
      {
        'headers.json': {
          type: 'object',
          properties: { 'x-version': { type: 'integer' } },
          required: ['x-version'],
        },
      },
    );
    assert.equal(judgeHead(headers, { fields: ['Accept', '*/*', 'X-Version', '3'] }), '');
    assert.equal(judgeHead(headers, { fields: ['X-Version', 'three'] }), 'headers/x-version type');
    assert.equal(
      judgeHead(headers, { fields: ['accept', '*/*', 'accept', '*/*'] }),
      'headers/x-version required',
    );
    assert.equal(
      judgeHead(headers, { fields: ['X-Version', '3', 'x-version', '3'] }),
      'headers/x-version repeated',
    );
  });

  it('are all judged, each part with its first problem', () => {
    const schema = { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] };
    const validator = validatorOf(
      { query: 'a.json', params: 'a.json', headers: 'a.json' },
      { 'a.json': schema },
    );
    const head = { search: '?id=x', params: { id: 'x' }, fields: ['id', 'x'] };
    assert.equal(judgeHead(validator, head), 'query/id type, params/id type, headers/id type');
    assert.equal(judgeHead(validator, { search: '?id=1', params: { id: '1' }, fields: ['id', '1'] }), '');
  });

  it('have schemas that text can follow', async () => {
    const object = (properties: object, rest: object = {}) => ({ type: 'object', properties, ...rest });
    await checkSchemas(
      manifestOf(
        { query: 's.json' },
        { 's.json': object({ a: { $ref: '#/$defs/a' } }, { $defs: { a: { type: 'integer' } } }) },
      ),
    );
    await refusesAtDeploy({ query: 'schema.json' }, { type: 'array' }, '');
    await refusesAtDeploy({ query: 'schema.json' }, true, '');
    await refusesAtDeploy({ query: 'schema.json' }, object({ a: { type: 'object' } }), '/properties/a');
    await refusesAtDeploy(
      { query: 'schema.json' },
      object({ a: { type: ['integer', 'null'] } }),
      '/properties/a',
    );
    await refusesAtDeploy(
      { query: 'schema.json' },
      object({ a: { anyOf: [{ type: 'integer' }] } }),
      '/properties/a',
    );
    await refusesAtDeploy({ query: 'schema.json' }, object({ a: { enum: [1] } }), '/properties/a');
    await refusesAtDeploy({ params: 'schema.json' }, object({ id: { type: 'array' } }), '/properties/id');
    await refusesAtDeploy(
      { params: 'schema.json' },
      object({ order: { type: 'string' } }),
      '/properties/order',
    );
    await refusesAtDeploy(
      { headers: 'schema.json' },
      object({ 'X-A': { type: 'string' } }),
      '/properties/X-A',
    );
    await refusesAtDeploy(
      { headers: 'schema.json' },
      object({}, { additionalProperties: false }),
      '/additionalProperties',
    );
    await checkSchemas(manifestOf({ params: 's.json' }, { 's.json': object({ id: { type: 'string' } }) }));
    await checkSchemas(
      manifestOf({ headers: 's.json' }, { 's.json': object({ 'x-a': { type: 'string' } }) }),
    );
  });
});

describe('the validator of a route', () => {
  it('is one, and costs nothing before the first request that needs it', () => {
    const manifest = manifestOf({ body: 'order.json' }, { 'order.json': { type: 'nonsense' } });
    const validator = routeValidator(manifest, routeOf(manifest));
    assert.equal(routeValidator(manifest, routeOf(manifest)), validator);
    // What was never checked at deploy lets nothing through.
    assert.throws(() => validator?.checkBody(Buffer.from('1')), { code: 'CORDON_SCHEMA_INVALID' });
    assert.throws(() => validator?.checkBody(Buffer.from('1')), { code: 'CORDON_SCHEMA_INVALID' });
  });

  it('needs the files that the manifest names', async () => {
    await assert.rejects(checkSchemas(manifestOf({ body: 'gone.json' })), { code: 'CORDON_MANIFEST_FILE' });
    await checkSchemas(manifestOf({ body: 'json' }));
  });
});
