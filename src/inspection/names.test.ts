import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extensionOf, hidingIn } from './names.ts';

test('the extension is that of the last segment, in lower case', () => {
  for (const [key, extension] of [
    ['a.PNG', 'png'],
    ['v1.2/readme', ''],
    ['a/b.tar.gz', 'gz'],
    ['.bashrc', ''],
    ['a.', ''],
    ['dir/', ''],
  ] as const)
    assert.equal(extensionOf(key), extension, key);
});

test('names that hide what they are names of are told, and plain ones are not', () => {
  for (const key of [
    'holiday.png.html',
    'report.pdf.exe',
    'in/a.jpg.svg',
    'a.png .js',
    'photo\u202egpj.exe',
    'a\u200b.png',
    'a\r\n.png',
    'a.html.',
    'a.html ',
    'folder\u202e/a.png',
  ])
    assert.notEqual(hidingIn(key), null, JSON.stringify(key));
  for (const key of [
    'holiday.png',
    'jquery.min.js',
    'a.tar.gz',
    'report.2024.pdf',
    'v1.png/readme.html',
    'Über uns (1).docx',
    '日本.txt',
    '👨‍👩‍👧.png',
    'می‌خواهم.jpg',
    'dir/',
    'a.b.c',
    '$(id); rm -rf .png',
  ])
    assert.equal(hidingIn(key), null, JSON.stringify(key));
});
