import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { afterPrefix, keyProblem } from './keys.ts';

const text = fc.string({ unit: 'binary', maxLength: 6 });

/** The order of code points, which is that of UTF-8 bytes. */
function isBefore(a: string, b: string): boolean {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
}

test('a range of a prefix holds exactly the keys that start with it', () => {
  fc.assert(
    fc.property(text, text, (prefix, key) => {
      const end = afterPrefix(prefix);
      const inside = !isBefore(key, prefix) && (end === null || isBefore(key, end));
      assert.equal(inside, key.startsWith(prefix));
      assert.ok(!isBefore(prefix + key, prefix) && (end === null || isBefore(prefix + key, end)));
    }),
    { numRuns: 2000 },
  );
  assert.equal(afterPrefix(''), null);
  assert.equal(afterPrefix('\u{10ffff}'), null);
  assert.equal(afterPrefix('a\u{10ffff}'), 'b');
  assert.equal(afterPrefix('\ud7ff'), '\ue000');
});

test('keys at the limit of bytes pass and longer ones do not, whatever their characters', () => {
  for (const [character, bytes] of [
    ['a', 1],
    ['é', 2],
    ['€', 3],
    ['\u{1F600}', 4],
  ] as const) {
    assert.equal(keyProblem(character.repeat(12 / bytes), 12), null);
    assert.notEqual(keyProblem(`${character.repeat(12 / bytes)}a`, 12), null);
  }
});
