import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { canonicalUrl, openPayload, sha256, signAws, withoutAwsSignature } from './aws-signature.ts';
import type { Field } from './arguments.ts';
import { Sha256 } from './sha256.fixture.ts';

const NOW = Date.UTC(2015, 7, 30, 12, 36, 0);
const KEY = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

function sign(
  url: string,
  fields: readonly Field[],
  service = 's3',
  body = '',
  token: string | null = null,
): string {
  const signed = signAws({
    method: 'PUT',
    url: new URL(url),
    fields,
    payload: sha256(Buffer.from(body)),
    region: 'eu-central-1',
    service,
    ...KEY,
    sessionToken: token,
    now: NOW,
  });
  return signed.find(([name]) => name === 'authorization')?.[1] ?? '';
}

async function signByAws(
  text: string,
  fields: readonly Field[],
  service = 's3',
  body = '',
  token?: string,
): Promise<string> {
  const url = canonicalUrl(new URL(text));
  const signer = new SignatureV4({
    region: 'eu-central-1',
    service,
    credentials: { ...KEY, ...(token === undefined ? {} : { sessionToken: token }) },
    sha256: Sha256,
    uriEscapePath: service !== 's3',
    applyChecksum: service === 's3',
  });
  const { headers } = await signer.sign(
    {
      method: 'PUT',
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: { host: url.host, ...Object.fromEntries(fields) },
      body,
    },
    { signingDate: new Date(NOW) },
  );
  return headers['authorization'] ?? '';
}

describe('Signature Version 4', () => {
  const requests: readonly (readonly [
    url: string,
    fields: readonly Field[],
    service: string,
    body: string,
  ])[] = [
    ['https://bucket.s3.amazonaws.com/key', [], 's3', ''],
    ['https://bucket.s3.amazonaws.com/a%20b/c+d/%C3%BC~_-.', [['content-type', 'text/plain']], 's3', 'hello'],
    [
      'https://s3.test/b?list-type=2&prefix=a%2Fb&delimiter=%2F',
      [['x-amz-meta-a', ' spaced   out ']],
      's3',
      '',
    ],
    ['https://s3.test/b?uploads=', [], 's3', ''],
    [
      'https://sqs.eu-central-1.amazonaws.com/',
      [
        ['content-type', 'application/x-amz-json-1.0'],
        ['x-amz-target', 'A.B'],
      ],
      'sqs',
      '{}',
    ],
    ['https://api.test/stage/a%20b', [], 'execute-api', ''],
  ];
  for (const [url, fields, service, body] of requests) {
    it(`signs ${url} for ${service} as the signer of AWS does`, async () => {
      assert.equal(sign(url, fields, service, body), await signByAws(url, fields, service, body));
    });
  }

  it('signs a session token', async () => {
    const url = 'https://s3.test/b';
    assert.equal(sign(url, [], 's3', '', 'token'), await signByAws(url, [], 's3', '', 'token'));
    assert.notEqual(sign(url, [], 's3', '', 'token'), sign(url, [], 's3', ''));
  });

  it('agrees on any path and query', async () => {
    const text = fc.string({
      maxLength: 12,
      unit: fc.constantFrom(..."aZ09 -_.~!*'()&=+%/ü$,;:@".split('')),
    });
    await fc.assert(
      fc.asyncProperty(text, text, text, async (segment, name, value) => {
        const url = `https://s3.test/b/x${encodeURIComponent(segment)}?n${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
        assert.equal(sign(url, []), await signByAws(url, []));
      }),
    );
  });

  it('signs anew what a client signed with another key', () => {
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
