import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../contract/index.ts';
import { parseStrictJson, type JsonFault, type StrictJson } from './strict-json.ts';

const BOUNDS = { depthMax: LIMITS.jsonDepthMax.value, valuesMax: LIMITS.jsonValuesMax.value };

function parse(text: string | Uint8Array): StrictJson {
  return parseStrictJson(Buffer.from(text), BOUNDS);
}

function refuses(text: string | Uint8Array, reason: JsonFault, pointer = ''): void {
  const parsed = parse(text);
  assert.ok(!parsed.ok, String(text).slice(0, 100));
  assert.deepEqual([parsed.reason, parsed.pointer], [reason, pointer], String(text).slice(0, 100));
}

function accepts(text: string): void {
  assert.deepEqual(parse(text), { ok: true, value: JSON.parse(text) as unknown }, text.slice(0, 100));
}

/** Values that strict JSON holds: no key, number or text that it refuses. */
const key = fc
  .string({ unit: 'grapheme' })
  .filter((name) => !['__proto__', 'prototype', 'constructor'].includes(name) && name.isWellFormed());
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => Math.abs(n) < 1e15),
    fc.string({ unit: 'grapheme' }).filter((text) => text.isWellFormed()),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(key, tie('value'), { maxKeys: 5 }),
  ),
}));

describe('strict JSON', () => {
  it('is what JSON.parse makes of it, for every value', () => {
    fc.assert(
      fc.property(anyValue, fc.constantFrom(0, 1, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        const parsed = parse(text);
        assert.deepEqual(parsed, { ok: true, value: JSON.parse(text) as unknown });
      }),
    );
  });

  it('is never more than JSON.parse accepts, and never another value, for texts with damage', () => {
    const damage = fc.tuple(
      anyValue,
      fc.nat(),
      fc.constantFrom('', '"', '\\', ',', '{', ']', ':', '0', 'e', '\\u0061', '"a":1,'),
    );
    fc.assert(
      fc.property(damage, ([value, at, piece]) => {
        const text = JSON.stringify(value);
        const place = at % (text.length + 1);
        const damaged = text.slice(0, place) + piece + text.slice(place + (piece === '' ? 1 : 0));
        const parsed = parse(damaged);
        if (!parsed.ok) return;
        assert.deepEqual(parsed.value, JSON.parse(Buffer.from(damaged).toString()));
      }),
      { numRuns: 500 },
    );
  });

  it('has each key once, however it is written and however deep it stands', () => {
    fc.assert(
      fc.property(anyValue, anyValue, key, fc.boolean(), fc.nat(5), (a, b, name, escaped, depth) => {
        const units = Array.from({ length: name.length }, (_, i) =>
          name.charCodeAt(i).toString(16).padStart(4, '0'),
        );
        const again = escaped ? `"${units.map((unit) => `\\u${unit}`).join('')}"` : JSON.stringify(name);
        const text = `{${JSON.stringify(name)}:${JSON.stringify(a)},"between ${name.length}":0,${again}:${JSON.stringify(b)}}`;
        if (name === `between ${name.length}`) return;
        const parsed = parse('['.repeat(depth) + text + ']'.repeat(depth));
        assert.ok(!parsed.ok);
        assert.equal(parsed.reason, 'duplicateKey');
      }),
    );
    accepts('[{"a":1},{"a":2,"b":{"a":3}},{"\\u0061":1,"A":2}]');
    refuses('{"a":1,"\\u0061":2}', 'duplicateKey', '/a');
    refuses('[{"x/y":{"a":1,"b":2,"a":1}}]', 'duplicateKey', '/0/x~1y/a');
  });

  it('is UTF-8 without a byte order mark', () => {
    accepts('"\u00e9\u{1f600}"');
    refuses(Uint8Array.of(0x22, 0xe9, 0x22), 'encoding');
    refuses(Uint8Array.of(0x22, 0xc0, 0x80, 0x22), 'encoding');
    refuses(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), 'encoding');
    refuses(Uint8Array.of(0xef, 0xbb, 0xbf, 0x31), 'byteOrderMark');
    refuses(Buffer.from('"a"', 'utf16le'), 'syntax');
  });

  it('is one value and nothing after it', () => {
    accepts(' {"a" : [ 1 , -2.5e3 , true , null , false , "" ] } \n');
    for (const text of [
      '',
      ' ',
      '1 2',
      '{}x',
      '{"a":1,}',
      "{'a':1}",
      '[01]',
      '[1.]',
      'NaN',
      '/* */1',
      '"\t"',
    ]) {
      refuses(text, 'syntax');
    }
  });

  it('has no key by which an object becomes another', () => {
    refuses('{"__proto__":{"admin":true}}', 'forbiddenKey', '/__proto__');
    refuses('{"a":[{"\\u005f_proto__":1}]}', 'forbiddenKey', '/a/0/__proto__');
    refuses('{"constructor":{"prototype":{}}}', 'forbiddenKey', '/constructor/prototype');
    accepts('{"constructor":"McLaren","prototype":true,"x":{"constructor":{"proto":1}}}');
  });

  it('has whole surrogate pairs only', () => {
    accepts('"\\ud83d\\ude00"');
    refuses('{"a":"\\ud83d"}', 'surrogate', '/a');
    refuses('{"a":1,"\\ude00":1}', 'surrogate', '/\ude00');
  });

  it('has numbers as they are written', () => {
    for (const text of [
      '9007199254740991',
      '-9007199254740991',
      '1e20',
      '0.1',
      '-0',
      '0e9',
      '0.000',
      '1.7976931348623157e308',
    ]) {
      accepts(text);
    }
    for (const text of [
      '9007199254740992',
      '-9007199254740993',
      '12345678901234567.5',
      '1e309',
      '-1e999',
      '1e-400',
    ]) {
      refuses(`[${text}]`, 'number', '/0');
    }
  });

  it('may be as deep as the limit, and not one deeper', () => {
    const { depthMax } = BOUNDS;
    accepts('['.repeat(depthMax) + ']'.repeat(depthMax));
    accepts('{"a":'.repeat(depthMax) + '1' + '}'.repeat(depthMax));
    refuses('['.repeat(depthMax + 1) + ']'.repeat(depthMax + 1), 'depth', '/0'.repeat(depthMax));
    const bomb = parse('['.repeat(200_000) + ']'.repeat(200_000));
    assert.ok(!bomb.ok && bomb.reason === 'depth');
  });

  it('may have as many values as the limit, and not one more', () => {
    const { valuesMax } = BOUNDS;
    accepts(JSON.stringify(Array.from({ length: valuesMax - 1 }, () => 0)));
    refuses(JSON.stringify(Array.from({ length: valuesMax }, () => 0)), 'values', `/${valuesMax - 1}`);
  });
});
