import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalType, isAmong, settledType, suitsDeclared, suitsExtension } from './types.ts';

test('a declared type is one word, and no declaration where nothing is said', () => {
  assert.equal(canonicalType('Image/JPG'), 'image/jpeg');
  assert.equal(canonicalType('text/html; charset=utf-8'), 'text/html');
  for (const nothing of [null, '', ' ', 'application/octet-stream', 'binary/octet-stream'])
    assert.equal(canonicalType(nothing), null);
});

test('bytes may be declared as what they are, or as what bytes do not tell', () => {
  for (const [sniffed, declared, suits] of [
    ['image/png', 'image/png', true],
    ['image/png', 'image/jpeg', false],
    ['image/png', 'text/plain', false],
    ['text/plain', 'application/json', true],
    ['text/plain', 'application/vnd.api+json', true],
    ['text/plain', 'text/html', false],
    ['text/plain', 'image/svg+xml', false],
    ['text/plain', 'application/x-directory', true],
    ['text/html', 'text/plain', false],
    ['text/html', 'application/json', false],
    ['text/html', 'text/markdown', true],
    ['text/plain', 'application/xml', true],
    ['text/plain', 'application/xhtml+xml', false],
    ['image/svg+xml', 'image/png', false],
    ['image/svg+xml', 'application/xml', false],
    ['application/xml', 'application/rss+xml', true],
    ['application/xml', 'image/svg+xml', false],
    ['application/octet-stream', 'application/x-protobuf', true],
    ['application/octet-stream', 'image/png', false],
    ['application/octet-stream', 'text/html', false],
    ['application/x-msdownload', 'application/x-protobuf', false],
    ['application/zip', 'application/x-own+zip', true],
    ['application/zip', 'application/epub+zip', false],
    ['video/quicktime', 'video/mp4', true],
  ] as const)
    assert.equal(suitsDeclared(sniffed, canonicalType(declared) ?? ''), suits, `${sniffed} as ${declared}`);
});

test('bytes may go under their own extensions, and under those that say nothing', () => {
  for (const [sniffed, extension, suits] of [
    ['image/jpeg', 'jpeg', true],
    ['image/jpeg', 'png', false],
    ['image/svg+xml', 'png', false],
    ['text/plain', 'csv', true],
    ['text/plain', 'html', false],
    ['text/html', 'csv', false],
    ['text/html', 'md', true],
    ['text/html', 'txt', false],
    ['text/plain', 'xml', true],
    ['application/octet-stream', 'pdf', false],
    ['application/octet-stream', 'dat', true],
    ['application/x-msdownload', 'txt', false],
    ['image/png', 'constructor', true],
    ['image/png', '', true],
  ] as const)
    assert.equal(suitsExtension(sniffed, extension), suits, `${sniffed} as .${extension}`);
});

test('only text takes its type from its declaration or its name', () => {
  assert.equal(settledType('text/plain', 'application/json', 'txt'), 'application/json');
  assert.equal(settledType('text/plain', null, 'csv'), 'text/csv');
  assert.equal(settledType('text/plain', null, ''), 'text/plain');
  assert.equal(settledType('text/plain', 'application/x-directory', ''), 'text/plain');
  assert.equal(settledType('image/png', 'image/png', 'png'), 'image/png');
});

test('a wildcard stands for its kind, without the programs in it', () => {
  assert.equal(isAmong('image/png', ['image/*']), true);
  assert.equal(isAmong('image/svg+xml', ['image/*']), false);
  assert.equal(isAmong('image/svg+xml', ['image/svg+xml']), true);
  assert.equal(isAmong('text/html', ['text/*']), false);
  assert.equal(isAmong('text/plain', ['image/*', 'text/*']), true);
  assert.equal(isAmong('image/jpeg', ['image/jpg']), true);
  assert.equal(isAmong('application/x-anything', null), true);
  assert.equal(isAmong('application/x-anything', []), false);
});
