import assert from 'node:assert/strict';
import test from 'node:test';
import { printable } from './terminal.ts';

test('what moves the cursor, ends a line or hides text is printed as an escape', () => {
  for (const [text, shown] of [
    ['\u001b[2J', '\\u001b[2J'],
    ['a\rb', 'a\\u000db'],
    ['a\u0085b\u009bc', 'a\\u0085b\\u009bc'],
    ['a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
    ['\u202ea\u2066b\u200fc\u061cd', '\\u202ea\\u2066b\\u200fc\\u061cd'],
    ['a\ufeff\u200bb', 'a\\ufeff\\u200bb'],
    ['\ud800', '\\ud800'],
    ['\u{e0041}', '\\udb40\\udc41'],
  ] as const)
    assert.equal(printable(text), shown);
});

test('ordinary text, line breaks and tabs are printed as they are', () => {
  const text = 'Grüße\t你好\n👩‍💻 "quoted" \\ e\u0301';
  assert.equal(printable(text), text);
});
