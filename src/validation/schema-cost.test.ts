import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../contract/index.ts';
import { compileSchema } from './compile-schema.ts';
import { compilePattern } from './patterns.ts';
import { prepareParsed } from './prepare-schema.ts';
import { check, deploy, object, refuses, type Schema } from './schema.fixture.ts';

/** `depth` definitions, each of which tries the next one twice, in place. */
function doubling(depth: number, keyword: string, last: Schema): Record<string, unknown> {
  const $defs: Record<string, unknown> = { [`d${depth}`]: last };
  for (let i = 0; i < depth; i++) {
    $defs[`d${i}`] = { [keyword]: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] };
  }
  return { $defs, $ref: '#/$defs/d0' };
}

describe('a regular expression of a schema', () => {
  it('matches as that of JavaScript does, anywhere in the text', () => {
    const patterns = [
      '^[a-z]{2,4}$',
      'b+',
      '^\\d+(?:\\.\\d+)?$',
      '^(?:ab|a)(?:c|bcd)$',
      '\\u0061',
      '^[^/]+$',
      '^\\w*$',
    ];
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', '1', '.', '/', '_', '\u00e9') });
    fc.assert(
      fc.property(fc.constantFrom(...patterns), text, (source, value) => {
        const expected = new RegExp(source, 'u').test(value);
        assert.equal(check({ type: 'string', pattern: source }, value) === null, expected, source);
      }),
    );
  });

  it('is one for each pattern of a schema', () => {
    const both = object({ a: { type: 'string', pattern: '^a$' }, b: { type: 'string', pattern: '^b$' } });
    assert.equal(check(both, { a: 'a', b: 'b' }), null);
    assert.equal(check(both, { a: 'a', b: 'a' }), '/b pattern');
  });

  it('takes time that is linear in the text, where backtracking would not end', () => {
    const text = `${'a'.repeat(2000)}!`;
    for (const source of ['^(a+)+$', '^(a|aa)+$', '^(a|a?)+$', '(x+x+)+y', '^(([a-z])+.)+[A-Z]([a-z])+$']) {
      assert.equal(check({ type: 'string', pattern: source }, text), ' pattern', source);
    }
  });

  it('is refused where linear time is not to be had, with its place', async () => {
    for (const source of ['(?=a)', '(?<!a)b', '(a)\\1', '(', 'a{1,2000}', '(?:a{1,900}){1,900}']) {
      await refuses(
        object({ x: { type: 'string', pattern: source } }),
        '/properties/x/pattern',
        /regular expression/,
      );
    }
    await refuses(
      { type: 'object', patternProperties: { '^a': true, '(?!b)': true } },
      '/patternProperties/(?!b)',
    );
    await deploy({ type: 'object', patternProperties: { '^a': true } });
  });

  it('may be as long as the limit, and not one character longer', async () => {
    const max = LIMITS.schemaPatternCharactersMax.value;
    await deploy({ type: 'string', pattern: 'a'.repeat(max) });
    await refuses({ type: 'string', pattern: 'a'.repeat(max + 1) }, '/pattern');
  });

  it('may be as large as the limit together with those before, and not one larger', async () => {
    const max = LIMITS.schemaPatternInstructionsMax.value;
    const { instructions } = compilePattern('a{999}');
    const fitting = Array.from({ length: Math.floor(max / instructions) }, () => ({ pattern: 'a{999}' }));
    const rest = max - fitting.length * instructions;
    const filler = rest - (compilePattern('a{9}').instructions - 9);
    assert.equal(compilePattern(`a{${filler}}`).instructions, rest);
    await deploy({ type: 'string', allOf: [...fitting, { pattern: `a{${filler}}` }] });
    const larger = { type: 'string', allOf: [...fitting, { pattern: `a{${filler + 1}}` }] };
    await refuses(larger, `/allOf/${fitting.length}/pattern`, /too large together/);
  });
});

describe('checking a value', () => {
  it('takes a bounded number of steps, however often a schema tries the same', () => {
    for (const keyword of ['allOf', 'anyOf', 'oneOf']) {
      assert.equal(
        check(doubling(60, keyword, { type: 'string', maxLength: 3 }), keyword === 'allOf' ? 'a' : 'aaaa'),
        ' steps',
        keyword,
      );
      const few = check(doubling(4, keyword, { type: 'string', maxLength: 3 }), 'a');
      assert.equal(few, keyword === 'oneOf' ? ' oneOf' : null);
    }
  });

  it('takes a bounded number of steps, however deep a schema follows a value that branches', () => {
    const branch = object({ a: { $ref: '#/$defs/node' } });
    const schema = { $defs: { node: { allOf: [branch, branch] } }, $ref: '#/$defs/node' };
    const nested = (depth: number) => JSON.parse('{"a":'.repeat(depth) + '{}' + '}'.repeat(depth)) as unknown;
    assert.equal(check(schema, nested(8)), null);
    assert.equal(check(schema, nested(60)), ' steps');
  });

  it('pays for the length of what is matched', () => {
    const paid = { type: 'array', items: { type: 'string', pattern: '^[a-z]*$' } };
    assert.equal(
      check(
        paid,
        Array.from({ length: 100 }, () => 'a'.repeat(100)),
      ),
      null,
    );
    assert.equal(
      check(
        paid,
        Array.from({ length: 10_000 }, () => 'a'.repeat(100)),
      ),
      ' steps',
    );
    const long = { allOf: Array.from({ length: 100 }, () => ({ type: 'string', minLength: 1 })) };
    assert.equal(check(long, 'a'.repeat(1000)), null);
    assert.equal(check(long, 'a'.repeat(1_000_000)), ' steps');
    const keys = doubling(10, 'allOf', { type: 'object', additionalProperties: { type: 'integer' } });
    assert.equal(check(keys, { a: 1 }), null);
    assert.equal(
      check(keys, Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`k${i}`, 1]))),
      ' steps',
    );
  });

  it('ends at the limit of steps, and not one before', () => {
    // One for the array, one for each of its items.
    const max = LIMITS.validationStepsMax.value;
    const schema = { type: 'array', items: { minimum: 0, type: 'integer' } };
    const compiled = compileSchema(prepareParsed('schema.json', schema));
    assert.equal(compiled.check(Array.from({ length: max - 1 }, () => 1)), null);
    assert.deepEqual(compiled.check(Array.from({ length: max }, () => 1)), { pointer: '', keyword: 'steps' });
  });
});
