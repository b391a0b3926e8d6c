import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptsContentType } from './index.ts';

test('a content type is taken where it is named, where a wildcard covers it, or where nothing is said', () => {
  assert.equal(acceptsContentType(['image/png'], 'image/png'), true);
  assert.equal(acceptsContentType(['image/*'], 'image/webp'), true);
  assert.equal(acceptsContentType(null, 'text/html'), true);
  assert.equal(acceptsContentType(['image/png'], 'image/webp'), false);
  assert.equal(acceptsContentType(['image/*'], 'imagex/webp'), false);
  assert.equal(acceptsContentType(['image/*'], 'application/pdf'), false);
  assert.equal(acceptsContentType([], 'image/png'), false);
});

test('no wildcard covers what browsers run scripts of', () => {
  for (const [wildcard, type] of [
    ['text/*', 'text/html'],
    ['text/*', 'text/xml'],
    ['image/*', 'image/svg+xml'],
    ['application/*', 'application/xhtml+xml'],
    ['application/*', 'application/xml'],
  ] as const) {
    assert.equal(acceptsContentType([wildcard], type), false, type);
    assert.equal(acceptsContentType([wildcard, type], type), true, type);
  }
});
