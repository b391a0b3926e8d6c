import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { SignatureV4 } from '@smithy/signature-v4';
import { Sha256 } from '../../src/aws/sha256.fixture.ts';
import { makeCertificate } from './certificate.fixture.ts';
import { openGuest } from './guest.fixture.ts';
import type { Guest } from './guest.fixture.ts';

const KEY = { accessKeyId: 'AKIDREAL', secretAccessKey: 'the+real/secret-key-of-the-account' };
const CODE = `
import { S3Client, PutObjectCommand, GetObjectCommand } from '@aws-sdk/client-s3';
export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const client = new S3Client({
      region: 'eu-central-1', endpoint: searchParams.get('url'), forcePathStyle: true, maxAttempts: 1,
      credentials: { accessKeyId: 'AKIDFAKE', secretAccessKey: env.AWS_SECRET },
    });
    try {
      const target = { Bucket: 'photos', Key: 'a folder/(1)+ü.txt' };
      await client.send(new PutObjectCommand({ ...target, Body: pathname === '/large' ? 'x'.repeat(1_000_000) : 'hello', Metadata: { a: 'b' } }));
      const { Body } = await client.send(new GetObjectCommand(target));
      return new Response((await Body.transformToString()).slice(0, 100) + ' ' + env.AWS_SECRET.startsWith('cordon-secret:'));
    } catch (e) { return new Response(e.stack + ' ' + e.code, { status: 500 }); }
  },
};`;

/** A service that stores one object and takes only requests that the account's key signed. */
describe('the AWS SDK in a sandbox', () => {
  const { key, certificate } = makeCertificate();
  const refused: string[] = [];
  let server: Server;
  let guest: Guest;
  let url: string;

  before(async () => {
    server = await serve(key, certificate, refused);
    url = `https://localhost:${(server.address() as AddressInfo).port}`;
    const aws = {
      region: 'eu-central-1',
      service: 's3',
      accessKeyId: KEY.accessKeyId,
      secretAccessKey: '{secret:AWS_SECRET}',
    };
    guest = await openGuest({
      code: CODE,
      ca: [certificate],
      secrets: { AWS_SECRET: KEY.secretAccessKey },
      grants: {
        secret: { AWS_SECRET: { secret: 'AWS_SECRET' } },
        fetch: [{ to: `${url}/*`, methods: ['GET', 'PUT'], unsafePrivate: true, sign: { aws } }],
      },
    });
  });
  after(async () => {
    await guest.close();
    server.closeAllConnections();
    server.close();
  });

  it('stores and reads an object with a key that the code never had', async () => {
    const { status, text } = await guest.ask(`/small?url=${encodeURIComponent(url)}`);
    assert.deepEqual([status, text], [200, 'hello true']);
    assert.deepEqual(refused, []);
  });

  it('does so with a large body', async () => {
    const { status, text } = await guest.ask(`/large?url=${encodeURIComponent(url)}`);
    assert.deepEqual([status, text], [200, `${'x'.repeat(100)} true`]);
  });

  it('is the only way: the service refuses another key', async () => {
    assert.equal(
      await verify(
        { method: 'GET', url: '/', headers: { host: 'localhost' } } as never,
        '',
        'https://localhost/',
      ),
      false,
    );
  });
});

async function serve(key: string, cert: string, refused: string[]): Promise<Server> {
  let stored: Buffer = Buffer.alloc(0);
  const server = createServer({ key, cert }, (request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const body = Buffer.concat(pieces);
      verify(
        request,
        createHash('sha256').update(body).digest('hex'),
        `https://${request.headers.host}${request.url}`,
      ).then(
        (genuine) => {
          if (!genuine) {
            refused.push(String(request.headers.authorization));
            response.writeHead(403).end('<Error><Code>SignatureDoesNotMatch</Code></Error>');
            return;
          }
          if (request.method === 'PUT') stored = body;
          response.end(request.method === 'PUT' ? '' : stored);
        },
        () => response.writeHead(500).end(),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  return server;
}

/** Signs the request again with the real key and compares. */
async function verify(request: IncomingMessage, hash: string, text: string): Promise<boolean> {
  const { authorization = '', 'x-amz-content-sha256': payload } = request.headers;
  const [, credential, names = ''] = /Credential=([^/]+)\/.*SignedHeaders=([^,]+)/.exec(authorization) ?? [];
  if (credential !== KEY.accessKeyId || (payload !== hash && payload !== 'UNSIGNED-PAYLOAD')) return false;
  const url = new URL(text);
  const headers = Object.fromEntries(
    names.split(';').map((name) => [name, String(request.headers[name] ?? '')]),
  );
  const date = String(request.headers['x-amz-date']).replace(
    /(....)(..)(..)T(..)(..)(..)Z/,
    '$1-$2-$3T$4:$5:$6Z',
  );
  const signer = new SignatureV4({
    region: 'eu-central-1',
    service: 's3',
    credentials: KEY,
    sha256: Sha256,
    uriEscapePath: false,
  });
  const signed = await signer.sign(
    {
      method: request.method ?? '',
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers,
    },
    { signingDate: new Date(date) },
  );
  return signed.headers['authorization'] === authorization;
}
