import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { ChecksumAlgorithm } from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';
import { Sha256 } from '../../aws/sha256.fixture.ts';
import { S3Error, presign, verifyRequest } from './index.ts';
import type { Checksum, PayloadMode, VerifiedRequest } from './index.ts';
import { KEY, NOW, codeOf, options, read } from './auth.fixture.ts';

interface Seen {
  readonly verified: VerifiedRequest;
  readonly body: Buffer;
  readonly checksum: Checksum | null;
}

let url = '';
let seen: Seen[] = [];
let client: S3Client;
const credentials = { accessKeyId: KEY.id, secretAccessKey: KEY.secret.reveal() };

/** Verifies what arrives, and answers with nothing or with the code of S3. */
const server = createServer((request, response) => {
  void take(request).then(
    (taken) => {
      seen.push(taken);
      response.writeHead(200, { 'content-type': 'application/xml' }).end('');
    },
    (error: unknown) => {
      const { code, status } = error instanceof S3Error ? error : new S3Error('InternalError');
      response.writeHead(status, { 'content-type': 'application/xml', connection: 'close' });
      response.end(`<Error><Code>${code}</Code></Error>`);
    },
  );
});

async function take(request: IncomingMessage): Promise<Seen> {
  const [path = '', query = ''] = (request.url ?? '').split('?');
  const verified = await verifyRequest(
    { method: request.method ?? '', path, query, fields: request.rawHeaders },
    { ...options, now: Date.now() },
  );
  const body = verified.body(request as AsyncIterable<Buffer>);
  return { verified, body: await read(body), checksum: body.checksum };
}

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = new S3Client({
    endpoint: url,
    region: 'cordon',
    forcePathStyle: true,
    credentials,
    maxAttempts: 1,
  });
});

after(async () => {
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

async function last(): Promise<Seen> {
  const [only] = seen;
  seen = [];
  assert.ok(only);
  return only;
}

describe('the SDK of AWS', () => {
  const keys = ['in/cat.png', 'a b+c&d=e', "!*'()~-_.", 'ü/日本/🐈', 'a//b/../c', '%41%2F', 'x'.repeat(200)];
  for (const key of keys)
    it(`puts an object named ${key.slice(0, 20)}`, async () => {
      await client.send(
        new PutObjectCommand({ Bucket: 'photos', Key: key, Body: 'hello', Metadata: { a: ' b  c ' } }),
      );
      const { verified, body, checksum } = await last();
      assert.equal(verified.path, `/photos/${key}`);
      assert.equal(body.toString(), 'hello');
      assert.equal(checksum?.algorithm, 'CRC32');
    });

  it('puts a stream, in chunks with a trailer', async () => {
    const bytes = Buffer.alloc(300_000, 'abc');
    const halves = Readable.from([bytes.subarray(0, 100_000), bytes.subarray(100_000)]);
    await client.send(
      new PutObjectCommand({ Bucket: 'photos', Key: 'k', Body: halves, ContentLength: bytes.length }),
    );
    const { verified, body, checksum } = await last();
    const mode: PayloadMode = 'unsigned-trailer';
    assert.equal(verified.mode, mode);
    assert.equal(verified.bodyBytes, bytes.length);
    assert.equal(verified.fields.get('content-encoding'), undefined);
    assert.deepEqual(body, bytes);
    assert.equal(checksum?.algorithm, 'CRC32');
  });

  for (const algorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] satisfies ChecksumAlgorithm[])
    it(`puts an object with ${algorithm}`, async () => {
      await client.send(
        new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: 'hello', ChecksumAlgorithm: algorithm }),
      );
      assert.equal((await last()).checksum?.algorithm, algorithm);
    });

  it('lists and gets', async () => {
    await client.send(new ListObjectsV2Command({ Bucket: 'b', Prefix: 'ü /+&', Delimiter: '/' }));
    const { parameters } = (await last()).verified;
    assert.equal(parameters.get('prefix'), 'ü /+&');
    await client.send(new GetObjectCommand({ Bucket: 'b', Key: 'k', Range: 'bytes=0-9' }));
    assert.equal((await last()).verified.fields.get('range'), 'bytes=0-9');
  });

  it('is refused with another secret', async () => {
    const other = new S3Client({
      endpoint: url,
      region: 'cordon',
      forcePathStyle: true,
      credentials: { ...credentials, secretAccessKey: 'other' },
      maxAttempts: 1,
    });
    await assert.rejects(other.send(new PutObjectCommand({ Bucket: 'b', Key: 'k', Body: 'hello' })), {
      name: 'SignatureDoesNotMatch',
    });
    other.destroy();
    assert.deepEqual(seen, []);
  });
});

describe('a presigned URL', () => {
  const base = {
    endpoint: 'https://s3.cordon.test',
    method: 'PUT',
    bucket: 'photos',
    key: 'ü a+b/c.png',
    expiresMs: 900_000,
    credentials: KEY,
    now: NOW,
  } as const;

  function requestTo(text: string, method = 'PUT', fields: readonly string[] = []) {
    const { pathname, search, host } = new URL(text);
    return { method, path: pathname, query: search.slice(1), fields: ['host', host, ...fields] };
  }

  it('is taken as the signer of AWS makes it', async () => {
    const signer = new SignatureV4({
      region: 'cordon',
      service: 's3',
      credentials,
      sha256: Sha256,
      uriEscapePath: false,
      applyChecksum: false,
    });
    const theirs = await signer.presign(
      {
        method: 'PUT',
        protocol: 'https:',
        hostname: 's3.cordon.test',
        path: '/photos/%C3%BC%20a%2Bb/c.png',
        query: {},
        headers: { host: 's3.cordon.test', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
      },
      {
        expiresIn: 900,
        signingDate: new Date(NOW),
        unhoistableHeaders: new Set(),
        unsignableHeaders: new Set(),
      },
    );
    const query = new URLSearchParams(theirs.query as Record<string, string>).toString();
    const verified = await verifyRequest(
      { method: 'PUT', path: theirs.path, query, fields: ['host', 's3.cordon.test'] },
      options,
    );
    assert.equal(verified.path, '/photos/ü a+b/c.png');
    assert.equal(verified.mode, 'unsigned');
  });

  it('lets do the one thing that it is for, until it expires', async () => {
    const made = presign(base);
    const verified = await verifyRequest(requestTo(made), options);
    assert.equal(verified.path, '/photos/ü a+b/c.png');
    assert.ok(verified.isPresigned);
    await verifyRequest(requestTo(made), { ...options, now: NOW + 900_000 });
    const refusals: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['AccessDenied', () => verifyRequest(requestTo(made), { ...options, now: NOW + 900_001 })],
      ['AccessDenied', () => verifyRequest(requestTo(made), { ...options, now: NOW - 900_001 })],
      ['SignatureDoesNotMatch', () => verifyRequest(requestTo(made, 'GET'), options)],
      ['SignatureDoesNotMatch', () => verifyRequest(requestTo(made, 'DELETE'), options)],
      ['SignatureDoesNotMatch', () => verifyRequest(requestTo(made.replace('c.png', 'd.png')), options)],
      [
        'SignatureDoesNotMatch',
        () => verifyRequest(requestTo(made.replace('s3.cordon', 's4.cordon')), options),
      ],
      [
        'SignatureDoesNotMatch',
        () => verifyRequest(requestTo(made.replace('Expires=900', 'Expires=901')), options),
      ],
      ['SignatureDoesNotMatch', () => verifyRequest(requestTo(`${made}&uploadId=1`), options)],
      ['SignatureDoesNotMatch', () => verifyRequest(requestTo(`${made}&X-Amz-Acl=public-read`), options)],
      ['AccessDenied', () => verifyRequest(requestTo(made, 'PUT', ['x-amz-acl', 'public-read']), options)],
      ['InvalidArgument', () => verifyRequest(requestTo(`${made}&X-Amz-Expires=9000`), options)],
      [
        'AuthorizationQueryParametersError',
        () => verifyRequest(requestTo(`${made}&x-amz-expires=9000`), options),
      ],
      [
        'InvalidArgument',
        () => verifyRequest(requestTo(made, 'PUT', ['authorization', 'AWS4-HMAC-SHA256 a']), options),
      ],
    ];
    for (const [code, refused] of refusals) assert.equal(await codeOf(refused()), code);
  });

  it('holds as long as allowed, and cannot be made to hold for longer', async () => {
    for (const [expiresMs, code] of [
      [604_800_000, 'accepted'],
      [604_801_000, 'AuthorizationQueryParametersError'],
      [0, 'AuthorizationQueryParametersError'],
    ] as const) {
      const made = presign({ ...base, expiresMs });
      assert.equal(await codeOf(verifyRequest(requestTo(made), options)), code);
    }
  });

  it('may ask for fields, and carry some as parameters', async () => {
    const made = presign({
      ...base,
      fields: [['content-type', 'image/png']],
      parameters: [['x-amz-meta-owner', 'ana']],
    });
    const right = requestTo(made, 'PUT', ['content-type', 'image/png']);
    const verified = await verifyRequest(right, options);
    assert.equal(verified.fields.get('x-amz-meta-owner'), 'ana');
    assert.deepEqual([...verified.parameters], []);
    const other = requestTo(made, 'PUT', ['content-type', 'text/html']);
    assert.equal(await codeOf(verifyRequest(other, options)), 'SignatureDoesNotMatch');
    assert.equal(await codeOf(verifyRequest(requestTo(made), options)), 'SignatureDoesNotMatch');
  });
});
