import assert from 'node:assert/strict';
import test from 'node:test';
import { errorAnswer, rawErrorAnswer } from './error-answer.ts';

const POINTER = '/\u202e\u0122\u010d\u010a\u{1f469}\u007f';

test('an error answer has as many bytes as it says, whatever its details hold', () => {
  const { body, fields } = errorAnswer('CORDON_REQUEST_INVALID', 'req_1', [], { problems: [POINTER] });
  assert.match(body, /^[\x20-\x7e]+$/);
  assert.equal(fields[fields.indexOf('content-length') + 1], String(Buffer.from(body, 'latin1').length));
  assert.deepEqual((JSON.parse(body) as { error: { problems: string[] } }).error.problems, [POINTER]);
});

test('details of ASCII are told as they are, and no details are none', () => {
  const told = errorAnswer('CORDON_REQUEST_INVALID', 'req_1', [], { problems: ['/a"b'] });
  assert.ok(told.body.includes(String.raw`["/a\"b"]`));
  assert.deepEqual(
    Object.keys((JSON.parse(errorAnswer('CORDON_REQUEST_INVALID', 'req_1').body) as { error: object }).error),
    ['code', 'message', 'id'],
  );
  assert.ok(rawErrorAnswer('CORDON_REQUEST_MALFORMED', 'req_1').startsWith('HTTP/1.1 400 Bad Request\r\n'));
});
