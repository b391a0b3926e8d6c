import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { escapeControls, escapeJsonControls, plainText } from './plain-text.ts';

test('escapes what could begin a new line, drive a terminal or reorder text', () => {
  const attacks: [string, string][] = [
    ['ok\r\n2026-01-01 admin logged in', 'ok\\r\\n2026-01-01 admin logged in'],
    ['\u001b[2J\u001b[31mred', '\\x1b[2J\\x1b[31mred'],
    ['\u009b31m', '\\x9b31m'],
    ['\u001b]8;;https://evil.example\u0007link', '\\x1b]8;;https://evil.example\\x07link'],
    ['a\u0000b\u007f\b', 'a\\x00b\\x7f\\x08'],
    ['user\u202egnp.exe', 'user\\u202egnp.exe'],
    ['\u2066a\u2069', '\\u2066a\\u2069'],
    ['a\u2028b\u2029c\u0085d', 'a\\u2028b\\u2029c\\x85d'],
    ['pay\u200bpal\ufeff', 'pay\\u200bpal\\ufeff'],
    ['tag\u{e0041}', 'tag\\u{e0041}'],
    ['half \ud83d.', 'half \\ud83d.'],
  ];
  for (const [text, escaped] of attacks) assert.equal(escapeControls(text), escaped);
});

test('leaves text as it is that people write', () => {
  for (const text of [
    '',
    'GET /a?b=c 200 1.5ms',
    'äöü 日本語 עברית',
    '👩‍👩‍👧 🏳️‍🌈',
    'C:\\new\\table',
    '{"a":"b"}',
  ]) {
    assert.equal(escapeControls(text), text);
    assert.equal(plainText(text, 1000), text);
  }
});

test('keeps a line of the greatest length, and cuts one that is a byte longer', () => {
  assert.equal(plainText('a'.repeat(100), 100), 'a'.repeat(100));
  const cut = plainText('a'.repeat(101), 100);
  assert.equal(cut, `${'a'.repeat(100 - ' [cut, 101 bytes]'.length)} [cut, 101 bytes]`);
});

test('counts the escapes, and cuts no character in half', () => {
  for (const text of ['\u001b'.repeat(60), '日'.repeat(60), '👍'.repeat(60), 'é'.repeat(60)]) {
    const cut = plainText(text, 100);
    assert.ok(Buffer.byteLength(cut) <= 100);
    assert.ok(cut.isWellFormed());
    assert.ok(!cut.includes('\ufffd'));
    assert.match(cut, new RegExp(` \\[cut, ${Buffer.byteLength(text)} bytes\\]$`));
  }
});

test('gives bounded lines without controls for any text', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.integer({ min: 40, max: 200 }),
      (text, max) => {
        const line = plainText(text, max);
        assert.ok(Buffer.byteLength(line) <= max);
        assert.doesNotMatch(line, /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
      },
    ),
  );
});

test('escapes JSON text without changing what it says', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = escapeJsonControls(JSON.stringify(value));
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
      assert.doesNotMatch(text, /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
    }),
  );
  const text = escapeJsonControls(JSON.stringify({ a: 'x\u202ey\u009b\u{e0041}' }));
  assert.equal(text, '{"a":"x\\u202ey\\u009b\\udb40\\udc41"}');
});
