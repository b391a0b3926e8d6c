import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CordonError } from '../contract/index.ts';
import { errorAnswer, refusedBy } from './answer.ts';
import { S3Error } from './errors.ts';

test('errors are told in the words of S3, and those of Cordon itself say nothing more', () => {
  const of = (error: unknown) => {
    const { code, status } = refusedBy(error);
    return [code, status];
  };
  assert.deepEqual(of(new S3Error('NoSuchKey', { reason: 'secret' })), ['NoSuchKey', 404]);
  assert.deepEqual(of(new CordonError('CORDON_OVERLOADED')), ['SlowDown', 503]);
  assert.deepEqual(of(new CordonError('CORDON_BUCKET_OBJECT_TOO_LARGE')), ['EntityTooLarge', 400]);
  assert.deepEqual(of(new CordonError('CORDON_UPLOAD_TYPE_REFUSED')), ['CORDON_UPLOAD_TYPE_REFUSED', 415]);
  assert.deepEqual(of(new CordonError('CORDON_UPLOAD_UNCHECKED')), ['ServiceUnavailable', 503]);
  assert.deepEqual(of(new CordonError('CORDON_SEAL_BROKEN', 'at rest')), ['InternalError', 500]);
  assert.deepEqual(of(new TypeError('secret')), ['InternalError', 500]);
  assert.deepEqual(of(new CordonError('CORDON_OBJECT_MISSING')), ['OperationAborted', 409]);
});

test('what is for the operator alone is not in the answer', () => {
  for (const error of [
    new S3Error('AccessDenied', { reason: 'secret' }),
    new CordonError('CORDON_UPLOAD_TYPE_REFUSED', 'secret'),
    new CordonError('CORDON_SEAL_BROKEN', 'secret'),
    new TypeError('secret'),
  ]) {
    const { body } = errorAnswer(refusedBy(error), 'req_x');
    assert.ok(typeof body === 'string');
    assert.doesNotMatch(body, /secret/);
    assert.match(body, /<RequestId>req_x<\/RequestId>/);
  }
});
