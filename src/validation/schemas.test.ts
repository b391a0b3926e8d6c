import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { CordonError, LIMITS } from '../contract/index.ts';
import { prepareSchema } from './prepare-schema.ts';
import { check, deploy, object, refuses, type Schema } from './schema.fixture.ts';

describe('a schema', () => {
  it('says where a value is wrong and by which keyword, the first thing alone', () => {
    const order = object(
      {
        items: { type: 'array', items: object({ qty: { type: 'integer', maximum: 99 } }) },
        note: { type: 'string' },
      },
      { required: ['items'], additionalProperties: false },
    );
    assert.equal(check(order, { items: [{ qty: 99 }], note: 'x' }), null);
    assert.equal(check(order, { items: [{ qty: 1 }, { qty: 100 }], note: 1 }), '/items/1/qty maximum');
    assert.equal(check(order, { items: [{ qty: '1' }] }), '/items/0/qty type');
    assert.equal(check(order, {}), '/items required');
    assert.equal(check(order, { items: [], 'a/b~': 1 }), '/a~1b~0 additionalProperties');
    assert.equal(check(order, []), ' type');
    assert.equal(
      check(JSON.parse('{"if":{"type":"string"},"then":{"type":"string","maxLength":2}}') as Schema, 'abc'),
      ' maxLength',
    );
    assert.equal(check({ anyOf: [{ type: 'string' }, { type: 'null' }] }, 1), ' anyOf');
    assert.equal(check(false, 1), ' false schema');
    assert.equal(check(true, 1), null);
  });

  it('looks at own properties alone', () => {
    const own = object({ constructor: { type: 'string' } }, { required: ['constructor', 'toString'] });
    assert.equal(check(own, {}), '/constructor required');
    assert.equal(check(own, { constructor: 'x', toString: 1 }), null);
    assert.equal(check(own, { constructor: 1, toString: 1 }), '/constructor type');
    const closed = object({ a: true }, { additionalProperties: false });
    assert.equal(check(closed, JSON.parse('{"toString":1}')), '/toString additionalProperties');
  });

  it('may refer to itself, through the value', () => {
    const tree = {
      $defs: { node: object({ next: { $ref: '#/$defs/node' }, value: { type: 'integer' } }) },
      $ref: '#/$defs/node',
    };
    assert.equal(check(tree, { next: { next: { value: 1 } } }), null);
    assert.equal(check(tree, { next: { next: { value: 'x' } } }), '/next/next/value type');
    assert.equal(check({ type: 'array', items: { $ref: '#' } }, [[], [[1]]]), '/1/0/0 type');
    assert.equal(check({ $defs: { 'a/b': { type: 'string' } }, $ref: '#/$defs/a~1b' }, 1), ' type');
  });

  it('takes its names and texts as data, whatever they look like', () => {
    const hostile = [
      '"+process.exit(1)+"',
      "'];globalThis.harmed=true;//",
      '`${globalThis.harmed=true}`',
      '\\u0022;globalThis.harmed=true;//',
      '*/globalThis.harmed=true/*',
      '\u2028globalThis.harmed=true',
      'constructor',
    ];
    for (const name of hostile) {
      const schema = object(
        { [name]: { enum: [name] } },
        { required: [name], additionalProperties: false, dependentRequired: { [name]: [name] } },
      );
      assert.equal(check(schema, { [name]: name }), null);
      assert.match(check(schema, {}) ?? '', / required$/);
      assert.equal(check({ $defs: { [name]: { type: 'string' } }, type: 'string' }, 'x'), null);
    }
    assert.ok(!('harmed' in globalThis));
  });

  it('counts items as equal whatever the order of their keys, and in linear time', () => {
    const unique = { type: 'array', uniqueItems: true };
    assert.equal(check(unique, [{ a: 1, b: [2] }, { b: [2], a: 2 }, 1, '1', null, 'null']), null);
    assert.equal(
      check(unique, [
        { a: 1, b: [2] },
        { b: [2], a: 1 },
      ]),
      ' uniqueItems',
    );
    assert.equal(check({ type: 'array', uniqueItems: false }, [1, 1]), null);
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 5 }), (items) => {
        const distinct = new Set(items.map((item) => JSON.stringify(sorted(item)))).size === items.length;
        assert.equal(check(unique, items) === null, distinct);
      }),
      { numRuns: 50 },
    );
  });

  it('checks formats, of texts that are short enough to be one', () => {
    const format = (name: string) => ({ type: 'string', format: name });
    const cases: [string, string, string][] = [
      ['date', '2024-02-29', '2023-02-29'],
      ['date-time', '2024-01-01T00:00:00Z', '2024-01-01'],
      ['email', 'ada@example.com', 'ada@'],
      ['uuid', '123e4567-e89b-12d3-a456-426614174000', '123e4567'],
      ['uri', 'https://example.com/a?b#c', 'not a uri'],
      ['ipv4', '10.0.0.1', '10.0.0.256'],
      ['hostname', 'a.example', '-a.example'],
    ];
    for (const [name, good, bad] of cases) {
      assert.equal(check(format(name), good), null, name);
      assert.equal(check(format(name), bad), ' format', name);
    }
    const local = 'a'.repeat(64);
    assert.equal(check(format('email'), `${local}@${'b.'.repeat(126)}bc.`.slice(0, 320)), ' format');
    assert.equal(check(format('uri'), `https://a/${'b'.repeat(2038)}`), null);
    assert.equal(check(format('uri'), `https://a/${'b'.repeat(2039)}`), ' format');
    assert.equal(check({ type: 'integer', format: 'int32' }, 2 ** 31), ' format');
  });
});

/** Schemas and values from so few words that they often fit. */
const name = fc.constantFrom('a', 'b', 'constructor');
const { schema: anySchema } = fc.letrec<{ schema: Schema }>((tie) => {
  const all = <T>(of: fc.Arbitrary<T>) => fc.array(of, { minLength: 1, maxLength: 2 });
  const whole = fc.nat(3);
  const parts: Record<string, fc.Arbitrary<unknown>> = {
    additionalProperties: tie('schema'),
    allOf: all(tie('schema')),
    anyOf: all(tie('schema')),
    const: fc.jsonValue({ maxDepth: 1 }),
    contains: tie('schema'),
    dependentRequired: fc.dictionary(name, fc.uniqueArray(name)),
    enum: all(fc.jsonValue({ maxDepth: 1 })),
    items: tie('schema'),
    maxItems: whole,
    maxLength: whole,
    maximum: whole,
    minProperties: whole,
    multipleOf: fc.integer({ min: 1, max: 3 }),
    not: tie('schema'),
    oneOf: all(tie('schema')),
    pattern: fc.constantFrom('^a', 'b$', '^[ab]*$'),
    prefixItems: all(tie('schema')),
    properties: fc.dictionary(name, tie('schema')),
    propertyNames: tie('schema'),
    required: fc.uniqueArray(name),
    type: fc.constantFrom('string', 'integer', 'object', 'array', 'null', ['string', 'null']),
    unevaluatedProperties: tie('schema'),
    uniqueItems: fc.boolean(),
  };
  const object = fc
    .subarray(Object.keys(parts), { maxLength: 4 })
    .chain((keywords) =>
      fc.record(Object.fromEntries(keywords.map((key) => [key, parts[key] ?? fc.constant(true)]))),
    );
  return { schema: fc.oneof({ depthSize: 'small', maxDepth: 3 }, fc.boolean(), object) };
});
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    fc.constantFrom(null, true, 0, 1, 2, 3, 1.5, '', 'a', 'ab', 'ba'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 3 }),
  ),
}));

describe('a schema of any form', () => {
  it('is refused, or judges as the library does without bounds', () => {
    const oracle = new Ajv2020({ strict: false, ownProperties: true, logger: false });
    let judged = 0;
    fc.assert(
      fc.property(anySchema, anyValue, (schema, value) => {
        let outcome: string | null;
        try {
          outcome = check(schema, value);
        } catch (error) {
          assert.ok(error instanceof CordonError && error.code === 'CORDON_SCHEMA_INVALID', String(error));
          return;
        }
        judged += 1;
        assert.equal(outcome === null, oracle.compile(schema)(value), outcome ?? 'nothing wrong');
      }),
      { numRuns: 300 },
    );
    assert.ok(judged > 30, `${judged} judged`);
  });
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, inner]): [string, unknown] => [key, sorted(inner)])
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

describe('a schema that is deployed', () => {
  it('follows draft 2020-12, and no other', async () => {
    await deploy({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: 'https://a.example/x',
      type: 'string',
    });
    await deploy({ type: 'integer', description: 'd', default: 1, examples: [1], title: 't', 'x-own': 1 });
    await refuses({ $schema: 'http://json-schema.org/draft-07/schema#' }, '/$schema');
    await refuses({ type: 'strin' }, '/type');
    await refuses({ type: 'string', maxLength: -1 }, '/maxLength');
    await refuses(object({ a: { required: 'a' } }), '/properties/a/required');
    await refuses([], '');
    await refuses({ anyOf: [] }, '/anyOf');
    await refuses(object({ a: 1 }), '/properties/a');
  });

  it('has no keyword that is not checked', async () => {
    for (const keyword of [
      '$dynamicRef',
      '$anchor',
      '$async',
      '$vocabulary',
      'nullable',
      'discriminator',
      'properteis',
    ]) {
      await refuses(object({ a: { [keyword]: 'x' } }), `/properties/a/${keyword}`);
    }
    await refuses(object({ a: { $id: 'https://a.example/' } }), '/properties/a/$id');
    await refuses({ type: 'string', format: 'regex' }, '/format', /one of .*date/);
    await refuses({ type: 'string', cordonStep: { step: -1 } }, '/cordonStep');
  });

  it('has no keyword that would be ignored', async () => {
    await refuses({ properties: { a: true } }, '', /strict/);
    await refuses({ type: 'object', anyOf: [{ maximum: 1 }] }, '/anyOf/0', /strict/);
    await deploy({ type: ['string', 'null'], maxLength: 1 });
  });

  it('refers to its own definitions alone', async () => {
    await deploy({ $defs: { a: { type: 'string' } }, $ref: '#/$defs/a' });
    for (const $ref of [
      'other.json',
      'https://a.example/s.json',
      '#anchor',
      '#/$defs/none',
      '#/type',
      '#/%zz',
      '',
      1,
    ]) {
      await refuses({ type: 'string', $defs: { a: { $ref } } }, '/$defs/a/$ref');
    }
  });

  it('does not go in a circle', async () => {
    await refuses({ $ref: '#' }, '', /itself/);
    await refuses(
      { $defs: { a: { anyOf: [{ $ref: '#/$defs/b' }] }, b: { not: { $ref: '#/$defs/a' } } } },
      '/$defs/a',
    );
    await refuses({ dependentSchemas: { x: { $ref: '#' } }, type: 'object' }, '');
    await deploy(object({ child: { $ref: '#' } }));
  });

  it('is strict JSON, with the line of what is not', () => {
    const place = (text: string) => {
      try {
        prepareSchema('body.json', text);
        return null;
      } catch (error) {
        return error instanceof CordonError ? `${error.code} ${error.message}` : String(error);
      }
    };
    assert.equal(place('{"type":"string"}'), null);
    assert.match(
      place('{"type":"string",\n"type":"number"}') ?? '',
      /SCHEMA_INVALID .* at \/type: .*duplicateKey, line 2/,
    );
    assert.match(place('{"properties":{"__proto__":true}}') ?? '', /SCHEMA_INVALID .*forbiddenKey/);
    const depth = LIMITS.jsonDepthMax.value;
    assert.equal(place('{"not":'.repeat(depth) + 'true' + '}'.repeat(depth)), null);
    assert.match(place('{"not":'.repeat(depth + 1) + 'true' + '}'.repeat(depth + 1)) ?? '', /depth/);
  });

  it('has as many subschemas as the limit, and not one more', async () => {
    const max = LIMITS.schemaNodesMax.value;
    const wide = (count: number) =>
      object(Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, {}])));
    await deploy(wide(max - 1));
    await refuses(wide(max), `/properties/p${max - 1}`, /at most 500 subschemas/);
  });

  it('refers to as many definitions as the limit, and not one more', async () => {
    const chain = (length: number) => {
      const $defs: Record<string, unknown> = { [`d${length - 1}`]: { type: 'string' } };
      for (let i = 0; i < length - 1; i++) $defs[`d${i}`] = object({ a: { $ref: `#/$defs/d${i + 1}` } });
      return { $defs, $ref: '#/$defs/d0' };
    };
    const max = LIMITS.schemaReferencesMax.value;
    await deploy(chain(max));
    await assert.rejects(deploy(chain(max + 1)), /at most 100 of its schemas/);
  });
});
