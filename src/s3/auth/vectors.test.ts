import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sha256 } from '../../aws/index.ts';
import { verifyPostForm, verifyRequest } from './index.ts';
import { KEY, NOW, TIME, chunked, codeOf, options, pieces, read } from './auth.fixture.ts';

const HOST = 'examplebucket.s3.amazonaws.com';
const CREDENTIAL = 'Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request';

function authorization(names: string, signature: string): string {
  return `AWS4-HMAC-SHA256 ${CREDENTIAL},SignedHeaders=${names},Signature=${signature}`;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and the pages beside it. */
describe('the examples in the documentation of S3 are accepted, and not with another signature', () => {
  const examples = [
    {
      title: 'GET of an object with a range',
      method: 'GET',
      path: '/test.txt',
      query: '',
      payload: sha256(''),
      fields: ['range', 'bytes=0-9'],
      names: 'host;range;x-amz-content-sha256;x-amz-date',
      signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    },
    {
      title: 'PUT of an object',
      method: 'PUT',
      path: '/test%24file.text',
      query: '',
      payload: sha256('Welcome to Amazon S3.'),
      fields: ['date', 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class', 'REDUCED_REDUNDANCY'],
      names: 'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
      signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    },
    {
      title: 'GET of the lifecycle',
      method: 'GET',
      path: '/',
      query: 'lifecycle',
      payload: sha256(''),
      fields: [],
      names: 'host;x-amz-content-sha256;x-amz-date',
      signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    },
    {
      title: 'list of objects',
      method: 'GET',
      path: '/',
      query: 'max-keys=2&prefix=J',
      payload: sha256(''),
      fields: [],
      names: 'host;x-amz-content-sha256;x-amz-date',
      signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    },
  ];
  for (const { title, method, path, query, payload, fields, names, signature } of examples)
    it(title, async () => {
      const request = (shown: string) => ({
        method,
        path,
        query,
        fields: [
          ...['Host', HOST, 'X-Amz-Date', TIME, 'X-Amz-Content-Sha256', payload, ...fields],
          ...['Authorization', authorization(names, shown)],
        ],
      });
      const verified = await verifyRequest(request(signature), options);
      assert.equal(verified.accessKey, KEY);
      assert.equal(
        await codeOf(verifyRequest(request(signature.replace(/^./, '7')), options)),
        'SignatureDoesNotMatch',
      );
    });

  it('a presigned URL', async () => {
    const signature = 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404';
    const query = `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=${TIME}&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=${signature}`;
    const request = { method: 'GET', path: '/test.txt', query, fields: ['Host', HOST] };
    const verified = await verifyRequest(request, options);
    assert.ok(verified.isPresigned);
    assert.equal(verified.mode, 'unsigned');
    assert.deepEqual([...verified.parameters], []);
    const put = { ...request, method: 'PUT' };
    assert.equal(await codeOf(verifyRequest(put, options)), 'SignatureDoesNotMatch');
    const last = { ...options, now: NOW + 86_400_000 };
    await verifyRequest(request, last);
    assert.equal(await codeOf(verifyRequest(request, { ...last, now: last.now + 1 })), 'AccessDenied');
  });

  const file = Buffer.alloc(66_560, 'a');
  const chunks = [file.subarray(0, 65_536), file.subarray(65_536)];
  const upload = (payload: string, names: string, signature: string, fields: readonly string[]) => ({
    method: 'PUT',
    path: '/examplebucket/chunkObject.txt',
    query: '',
    fields: [
      ...['host', 's3.amazonaws.com', 'x-amz-date', TIME, 'x-amz-storage-class', 'REDUCED_REDUNDANCY'],
      ...['x-amz-content-sha256', payload, 'content-encoding', 'aws-chunked'],
      ...['x-amz-decoded-content-length', '66560', ...fields],
      ...['authorization', authorization(names, signature)],
    ],
  });

  it('an upload in three signed chunks', async () => {
    const signature = '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9';
    const body = chunked(signature, chunks);
    assert.equal(body.length, 66_824);
    for (const chunk of [
      'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
      '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
      'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
    ])
      assert.ok(body.includes(`;chunk-signature=${chunk}\r\n`));
    const request = upload(
      'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      'content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class',
      signature,
      ['content-length', '66824'],
    );
    const verified = await verifyRequest(request, options);
    assert.equal(verified.mode, 'chunks');
    assert.equal(verified.bodyBytes, 66_560);
    assert.equal(verified.fields.get('content-encoding'), undefined);
    assert.deepEqual(await read(verified.body(pieces(body))), file);
    const other = await verifyRequest(request, options);
    const changed = Buffer.from(body);
    changed[70_000 - 4000] = 0x62;
    assert.equal(await codeOf(read(other.body(pieces(changed)))), 'SignatureDoesNotMatch');
  });

  it('an upload in three signed chunks with a signed trailer', async () => {
    const signature = '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e';
    const body = chunked(signature, chunks, ['x-amz-checksum-crc32c', 'sOO8/Q==']);
    for (const chunk of [
      'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
      '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
      '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
      'x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435',
    ])
      assert.ok(body.includes(chunk), chunk);
    const request = upload(
      'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
      'content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer',
      signature,
      ['x-amz-trailer', 'x-amz-checksum-crc32c'],
    );
    const verified = await verifyRequest(request, options);
    const taken = verified.body(pieces(body));
    assert.deepEqual(await read(taken), file);
    assert.deepEqual(taken.checksum, { algorithm: 'CRC32C', value: 'sOO8/Q==' });
    const other = await verifyRequest(request, options);
    const changed = Buffer.from(body.toString('latin1').replace('sOO8/Q==', 'sOO8/g=='), 'latin1');
    assert.equal(await codeOf(read(other.body(pieces(changed)))), 'SignatureDoesNotMatch');
  });

  it('the form of a browser', async () => {
    const policy =
      'eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9';
    const form = (signature: string) => ({
      bucket: 'sigv4examplebucket',
      filename: 'cat.png',
      fields: [
        ['key', 'user/user1/${filename}'],
        ['acl', 'public-read'],
        ['success_action_redirect', 'http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html'],
        ['Content-Type', 'image/jpeg'],
        ['x-amz-meta-uuid', '14365123651274'],
        ['x-amz-server-side-encryption', 'AES256'],
        ['X-Amz-Credential', 'AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request'],
        ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
        ['X-Amz-Date', '20151229T000000Z'],
        ['x-amz-meta-tag', ''],
        ['Policy', policy],
        ['X-Amz-Signature', signature],
      ] as const,
    });
    const at = { ...options, now: Date.UTC(2015, 11, 29, 1) };
    const right = '8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e';
    assert.equal((await verifyPostForm(form(right), at)).key, 'user/user1/cat.png');
    assert.equal(await codeOf(verifyPostForm(form(right.replace('8', '9')), at)), 'SignatureDoesNotMatch');
  });
});
