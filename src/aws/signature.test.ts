import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { Secret } from '../contract/index.ts';
import { canonicalUrl, sha256, signAws } from './index.ts';
import type { SignedField } from './index.ts';
import { Sha256 } from './sha256.fixture.ts';

const NOW = Date.UTC(2015, 7, 30, 12, 36, 0);
const KEY = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };

function sign(
  url: string,
  fields: readonly SignedField[],
  service = 's3',
  body = '',
  token?: string,
): string {
  const signed = signAws({
    method: 'PUT',
    url: new URL(url),
    fields,
    payload: sha256(Buffer.from(body)),
    region: 'eu-central-1',
    service,
    credentials: {
      accessKeyId: KEY.accessKeyId,
      secretAccessKey: new Secret(KEY.secretAccessKey),
      ...(token !== undefined && { sessionToken: new Secret(token) }),
    },
    now: NOW,
  });
  return signed.find(([name]) => name === 'authorization')?.[1] ?? '';
}

async function signByAws(
  text: string,
  fields: readonly SignedField[],
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
    fields: readonly SignedField[],
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

  it('agrees on any fields and body', async () => {
    const name = fc.stringMatching(/^x-amz-meta-[a-z0-9-]{1,8}$/);
    const value = fc.string({ maxLength: 20, unit: fc.constantFrom(...'aZ09 -_.=;,:"'.split('')) });
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(name, value, { maxKeys: 4 }),
        fc.string({ maxLength: 40 }),
        async (meta, body) => {
          for (const service of ['s3', 'kms']) {
            const ours = sign('https://s3.test/b', Object.entries(meta), service, body);
            assert.equal(ours, await signByAws('https://s3.test/b', Object.entries(meta), service, body));
          }
        },
      ),
    );
  });

  it('signs as the vectors of AWS do', () => {
    const vector = (fields: readonly SignedField[], body: string): string | undefined =>
      signAws({
        method: 'POST',
        url: new URL('https://example.amazonaws.com/'),
        fields,
        payload: sha256(body),
        region: 'us-east-1',
        service: 'service',
        credentials: { accessKeyId: KEY.accessKeyId, secretAccessKey: new Secret(KEY.secretAccessKey) },
        now: NOW,
      }).find(([name]) => name === 'authorization')?.[1];
    // post-vanilla and post-x-www-form-urlencoded of the test suite of Signature Version 4.
    const scope = 'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request';
    assert.equal(
      vector([], ''),
      `${scope}, SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b`,
    );
    assert.equal(
      vector([['content-type', 'application/x-www-form-urlencoded']], 'Param1=value1'),
      `${scope}, SignedHeaders=content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a`,
    );
  });

  it('signs nothing that is signed with another key, date or region alike', () => {
    const parts = {
      method: 'GET',
      url: new URL('https://s3.test/b'),
      fields: [],
      payload: sha256(''),
      service: 's3',
    };
    const credentials = { accessKeyId: KEY.accessKeyId, secretAccessKey: new Secret(KEY.secretAccessKey) };
    const signatures = [
      signAws({ ...parts, region: 'a', credentials, now: NOW }),
      signAws({ ...parts, region: 'b', credentials, now: NOW }),
      signAws({ ...parts, region: 'a', credentials, now: NOW + 1000 }),
      signAws({
        ...parts,
        region: 'a',
        credentials: { ...credentials, secretAccessKey: new Secret('other') },
        now: NOW,
      }),
      signAws({ ...parts, method: 'PUT', region: 'a', credentials, now: NOW }),
    ].map((fields) => fields.find(([name]) => name === 'authorization')?.[1]?.split('Signature=')[1]);
    assert.equal(new Set(signatures).size, signatures.length);
  });
});
