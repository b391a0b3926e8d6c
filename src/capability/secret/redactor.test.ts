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

  it('takes a value beyond ASCII out of bytes in Latin-1 as well as in UTF-8', () => {
    const secret = 'clé-très-secrète';
    for (const encoding of ['latin1', 'utf8'] as const) {
      const bytes = Buffer.concat([
        Buffer.from('x-key: '),
        Buffer.from(secret, encoding),
        Buffer.from(' end'),
      ]);
      assert.equal(through([secret], bytes, [9, 12]), 'x-key: [redacted] end', encoding);
    }
    // What Latin-1 cannot spell has no such form, and what looks a bit like it stays.
    const other = Buffer.from('clé-très-secret', 'latin1');
    const passed = createRedactor(['clé-très-secrète', '漢字-secret']).stream();
    assert.deepEqual(Buffer.concat([passed.push(other), passed.flush()]), other);
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

describe('the redactor of excerpts', () => {
  const whole = 'Fq7/xkT2+pW9"zLm4\\vR8&sJ1';
  const redactor = createRedactor([whole]);

  it('takes out the piece of a value that a text begins or ends with, wherever the value was cut', () => {
    for (let cut = 12; cut <= whole.length - 12; cut += 1) {
      const [before, after] = [whole.slice(0, cut), whole.slice(cut)];
      assert.equal(redactor.redactExcerpt(`key: ${before}`), 'key: [redacted]');
      assert.equal(redactor.redactExcerpt(`${after} was the rest`), '[redacted] was the rest');
      assert.equal(redactor.redactExcerpt(`and ${after}`), 'and [redacted]');
    }
  });

  it('takes out a piece that is the whole text, and pieces around a whole value', () => {
    assert.equal(redactor.redactExcerpt(whole.slice(5, 20)), '[redacted]');
    const all = redactor.redactExcerpt(`${whole.slice(10)} ${whole} ${whole.slice(0, 15)}`);
    assert.equal(all, '[redacted] [redacted] [redacted]');
  });

  it('takes out pieces of encoded forms', () => {
    const hex = Buffer.from(whole).toString('hex');
    assert.equal(redactor.redactExcerpt(`hex ${hex.slice(0, 20)}`), 'hex [redacted]');
    const encoded = encodeURIComponent(whole);
    assert.equal(redactor.redactExcerpt(`${encoded.slice(-20)}&a=b`), '[redacted]&a=b');
  });

  it('leaves pieces that are short or in the middle, and all other text', () => {
    for (const text of [`key: ${whole.slice(0, 7)}`, `a ${whole.slice(3, 18)} b`, 'ordinary text', '', 'é'])
      assert.equal(redactor.redactExcerpt(text), text);
    assert.equal(redactor.redact(`key: ${whole.slice(0, 15)}`), `key: ${whole.slice(0, 15)}`);
  });

  it('leaves nothing of a value but a short piece when the value is written in two parts', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 16, maxLength: 200, unit: 'grapheme-ascii' }),
        fc.nat(),
        (secret, at) => {
          const cut = at % secret.length;
          const parts = [secret.slice(0, cut), secret.slice(cut)];
          const left = parts.map((part) =>
            createRedactor([secret]).redactExcerpt(part).replaceAll('[redacted]', ''),
          );
          assert.ok(
            left.every((part) => part.length < 16),
            left.join(),
          );
        },
      ),
    );
  });

  it('looks for pieces of forms that are not long, and for whole values of any length', () => {
    const large = createRedactor([Buffer.alloc(48 * 1024, 'abcdefg').toString()]);
    const text = 'abcdefgabcdefgabc';
    assert.equal(large.redactExcerpt(text), text);
    assert.equal(large.redactExcerpt(Buffer.alloc(48 * 1024, 'abcdefg').toString()), '[redacted]');
  });
});

describe('forms that code shows without meaning to', () => {
  const secret = '{"user":"a/b c","key":"-----BEGIN\\nMII+x=\\n"}';

  it('takes a value out of what the runtime prints of an object that holds it', () => {
    // As `Deno.inspect` and `util.inspect` quote it: in the quotes that it does not hold.
    const printed = `{ value: '${secret.replaceAll('\\', '\\\\')}' }`;
    assert.equal(createRedactor([secret]).redact(printed), "{ value: '[redacted]' }");
  });

  it('takes a value out of each part of a URL', () => {
    const value = 'attack/key+"x"&é:@[]^|{}`;=?#end';
    for (const part of ['username', 'password', 'pathname', 'search', 'hash'] as const) {
      for (const scheme of ['https', 'postgres']) {
        const url = new URL(`${scheme}://host/`);
        url[part] = value;
        const passed = createRedactor([value]).redact(url.href);
        assert.ok(passed.includes('[redacted]'), `${scheme} ${part}: ${passed}`);
        assert.ok(!/key|end/.test(passed), `${scheme} ${part}: ${passed}`);
      }
    }
  });
});
