import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createRedactor } from './index.ts';

/** Without the characters of the mask itself, with which a value could appear by chance. */
const value = fc.string({
  minLength: 4,
  maxLength: 40,
  unit: fc.constantFrom(...'kX9/+ "\\é&=%ü~<z'.split('')),
});
const noise = fc.string({ maxLength: 30, unit: fc.constantFrom(...'kX9/+ q'.split('')) });

function through(values: readonly string[], bytes: Buffer, cuts: readonly number[]): string {
  const stream = createRedactor(values).stream();
  const pieces: Uint8Array[] = [];
  let start = 0;
  for (const cut of [
    ...cuts.map((n) => n % (bytes.byteLength + 1)).toSorted((a, b) => a - b),
    bytes.byteLength,
  ]) {
    pieces.push(Buffer.from(stream.push(bytes.subarray(start, cut))));
    start = cut;
  }
  pieces.push(Buffer.from(stream.flush()));
  return Buffer.concat(pieces).toString();
}

const FORMS: Readonly<Record<string, (text: string) => string>> = {
  plain: (text) => text,
  json: (text) => JSON.stringify(text).slice(1, -1),
  url: encodeURIComponent,
  form: (text) => new URLSearchParams({ v: text }).toString().slice(2),
  hex: (text) => Buffer.from(text).toString('hex'),
};

describe('the redactor', () => {
  for (const [form, encode] of Object.entries(FORMS)) {
    it(`takes a value out in its form ${form}, wherever the stream is cut`, () => {
      fc.assert(
        fc.property(
          value,
          noise,
          noise,
          fc.array(fc.nat(), { maxLength: 8 }),
          (secret, before, after, cuts) => {
            const text = before + encode(secret) + after + encode(secret);
            const passed = through([secret], Buffer.from(text), cuts);
            assert.ok(!passed.includes(encode(secret)), passed);
            assert.ok(passed.includes('[redacted]'));
            assert.equal(passed, through([secret], Buffer.from(text), []), 'cuts change nothing');
          },
        ),
      );
    });
  }

  it('takes a value out of base64 at every alignment', () => {
    fc.assert(
      fc.property(
        value,
        fc.uint8Array({ maxLength: 5 }),
        fc.uint8Array({ maxLength: 5 }),
        (secret, before, after) => {
          const bytes = Buffer.concat([before, Buffer.from(secret), after]);
          for (const encoding of ['base64', 'base64url'] as const) {
            const passed = through([secret], Buffer.from(bytes.toString(encoding)), [3, 7]);
            assert.ok(!Buffer.from(passed.replaceAll('[redacted]', ''), encoding).includes(secret));
            assert.ok(passed.includes('[redacted]'), passed);
          }
        },
      ),
    );
  });

  it('leaves everything else as it is, byte for byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(), { maxLength: 8 }), (bytes, cuts) => {
        const stream = createRedactor(['a-secret-that-is-not-there']).stream();
        const pieces: Uint8Array[] = [];
        let start = 0;
        for (const cut of cuts.map((n) => n % (bytes.length + 1)).toSorted((a, b) => a - b)) {
          pieces.push(Buffer.from(stream.push(bytes.subarray(start, cut))));
          start = cut;
        }
        pieces.push(stream.push(bytes.subarray(start)), stream.flush());
        assert.deepEqual(Buffer.concat(pieces), Buffer.from(bytes));
      }),
    );
  });

  it('masks values that overlap as one', () => {
    assert.equal(createRedactor(['abcdef', 'defghi']).redact('<abcdefghi>'), '<[redacted]>');
    assert.equal(through(['abcdef', 'defghi'], Buffer.from('<abcdefghi>'), [2, 5, 8]), '<[redacted]>');
    assert.equal(createRedactor(['aaaa']).redact('aaaaaaaaab'), '[redacted]b');
  });

  it('holds back only what may become a value', () => {
    const stream = createRedactor(['secret-value']).stream();
    assert.equal(Buffer.from(stream.push(Buffer.from('data: hello\n\n'))).toString(), 'data: hello\n\n');
    assert.equal(Buffer.from(stream.push(Buffer.from('x secret-'))).toString(), 'x ');
    assert.equal(Buffer.from(stream.push(Buffer.from('other'))).toString(), 'secret-other');
  });

  it('does not look for what is too short to be told from other text', () => {
    const redactor = createRedactor(['abc']);
    assert.equal(redactor.empty, true);
    assert.equal(redactor.redact('abc'), 'abc');
  });
});
