import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Field } from './arguments.ts';
import { openPayload, withoutAwsSignature } from './aws-signature.ts';

describe('what a client of AWS sends', () => {
  it('loses its signature with the key that it believes in', () => {
    const client: Field[] = [
      ['authorization', 'AWS4-HMAC-SHA256 Credential=fake'],
      ['x-amz-date', '20200101T000000Z'],
      ['x-amz-security-token', 'fake'],
      ['x-amz-meta-a', 'b'],
    ];
    assert.deepEqual(withoutAwsSignature(client), [['x-amz-meta-a', 'b']]);
  });

  it('leaves a payload unsigned only for S3 and only with TLS', () => {
    const mark: Field[] = [['x-amz-content-sha256', 'UNSIGNED-PAYLOAD']];
    assert.equal(openPayload(mark, 's3', new URL('https://s3.test/')), 'UNSIGNED-PAYLOAD');
    assert.equal(openPayload(mark, 's3', new URL('http://s3.test/')), null);
    assert.equal(openPayload(mark, 'sqs', new URL('https://s3.test/')), null);
    assert.equal(openPayload([['x-amz-content-sha256', 'abc']], 's3', new URL('https://s3.test/')), null);
  });
});
