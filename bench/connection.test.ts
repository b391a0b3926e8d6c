import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeRequest } from './connection.ts';

const target = { port: 80, path: '/in/object', bodyBytes: 3 } as const;

test('a request with a body says how long it is, and a GET has none', () => {
  const put = encodeRequest({ ...target, method: 'PUT' }).toString();
  assert.match(put, /^PUT \/in\/object HTTP\/1\.1\r\nhost: 127\.0\.0\.1:80\r\ncontent-length: 3\r\n/);
  assert.match(put, /\r\n\r\nxxx$/);
  const get = encodeRequest({ ...target, method: 'GET' }).toString();
  assert.doesNotMatch(get, /content-length/);
  assert.match(get, /\r\n\r\n$/);
});
