import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DeleteObjectsCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { LIMITS } from '../contract/index.ts';
import { openEndpoint, codeOf, presigned, rawExchange } from './s3.fixture.ts';
import type { TestEndpoint } from './s3.fixture.ts';

let endpoint: TestEndpoint;
before(async () => {
  endpoint = await openEndpoint({ limits: { bodyIdleTimeoutMs: 500 } });
});
after(() => endpoint.close());

const missing = async (Key: string): Promise<void> => {
  const get = new GetObjectCommand({ Bucket: 'photos', Key });
  assert.equal(await codeOf(endpoint.client.send(get)), 'NoSuchKey');
};
const codeIn = (text: string): string => /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? text.slice(0, 60);

const KEYS: readonly (readonly [what: string, refused: string, taken: string, code: string])[] = [
  ['a segment that climbs', 'a/../b', 'a/..b', 'InvalidArgument'],
  ['only two dots', '..', '...', 'InvalidArgument'],
  ['an override of direction', 'gnp.\u{202E}exe', 'gnp.exe', 'InvalidArgument'],
  ['an isolate', 'a\u{2066}b', 'a\u{2065}b', 'InvalidArgument'],
  ['a mark of direction', 'a\u{200F}b', 'a\u{2010}b', 'InvalidArgument'],
  ['a NUL', 'a\0b', 'a b', 'InvalidArgument'],
  ['an escape of a terminal', 'a\u{1B}[2Jb', 'a[2Jb', 'InvalidArgument'],
  ['more bytes than a key has', 'é'.repeat(512) + 'x', 'é'.repeat(512), 'KeyTooLongError'],
];
for (const [what, refused, taken, code] of KEYS)
  test(`a key with ${what} is refused, its neighbour is taken`, async () => {
    const send = async (key: string): Promise<string> => {
      // `URL` would resolve what climbs before it is sent.
      const target = presigned(endpoint, ['PUT', 'photos', key]).slice(endpoint.url.length);
      const { host } = new URL(endpoint.url);
      const head = `PUT ${target} HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 1\r\nconnection: close\r\n\r\n`;
      const answer = await rawExchange(endpoint.url, `${head}x`);
      return answer.startsWith('HTTP/1.1 200') ? 'accepted' : codeIn(answer);
    };
    assert.equal(await send(refused), code);
    assert.equal(await send(taken), 'accepted');
  });

test('a path that is not UTF-8 is refused', async () => {
  const url = presigned(endpoint, ['GET', 'photos', 'a']).replace('/photos/a?', '/photos/a%FF?');
  assert.equal(codeIn(await (await fetch(url)).text()), 'InvalidURI');
});

test('every answer has an id and says that it is no page, and an object of HTML is none either', async () => {
  await endpoint.client.send(
    new PutObjectCommand({ Bucket: 'photos', Key: 'page', Body: '<script>', ContentType: 'text/html' }),
  );
  for (const name of ['page', 'none']) {
    const answer = await fetch(presigned(endpoint, ['GET', 'photos', name]));
    await answer.arrayBuffer();
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(answer.headers.get('content-security-policy'), "sandbox; default-src 'none'");
    assert.match(answer.headers.get('x-amz-request-id') ?? '', /^req_/);
  }
});

test('a signed request overrides fields of the answer, but cannot put another field into it', async () => {
  const answerOf = async (value: string): Promise<Response> => {
    const parameters = [['response-content-disposition', value]] as const;
    return fetch(presigned(endpoint, ['GET', 'photos', 'page'], { parameters }));
  };
  const good = await answerOf('attachment; filename="a.html"');
  assert.equal(good.headers.get('content-disposition'), 'attachment; filename="a.html"');
  const bad = await answerOf('a\r\nset-cookie: a=b');
  assert.equal(bad.status, 400);
  assert.equal(bad.headers.get('set-cookie'), null);
});

test('a request without a signature, or with one of another key, is refused and recorded', async () => {
  const from = endpoint.events.length;
  const bare = await fetch(`${endpoint.url}/photos/page`);
  assert.equal(codeIn(await bare.text()), 'AccessDenied');
  const key = { ...endpoint.key, secretAccessKey: 'x'.repeat(40) };
  const forged = await fetch(presigned({ url: endpoint.url, key }, ['GET', 'photos', 'page']));
  assert.equal(codeIn(await forged.text()), 'SignatureDoesNotMatch');
  const nobody = { ...key, accessKeyId: 'CORDONAAAAAAAAAAAAAA' };
  const unknown = await fetch(presigned({ url: endpoint.url, key: nobody }, ['GET', 'photos', 'page']));
  assert.equal(codeIn(await unknown.text()), 'InvalidAccessKeyId');
  const failed = endpoint.events.slice(from).filter(({ kind }) => kind === 'auth.failed');
  assert.deepEqual(
    failed.map(({ severity, detail }) => [severity, detail['accessKey']]),
    [
      ['info', null],
      ['low', endpoint.key.accessKeyId],
      ['low', nobody.accessKeyId],
    ],
  );
});

test('a body that is shorter or longer than was said stores nothing', async () => {
  const target = (name: string): string => {
    const { pathname, search } = new URL(presigned(endpoint, ['PUT', 'photos', name]));
    return `PUT ${pathname}${search} HTTP/1.1\r\nhost: ${new URL(endpoint.url).host}\r\n`;
  };
  await rawExchange(endpoint.url, `${target('short')}content-length: 10\r\n\r\nabc`, true);
  // It says nothing more, and does not close: the pause ends it.
  await rawExchange(endpoint.url, `${target('slow')}content-length: 10\r\n\r\nabc`);
  const long = await rawExchange(endpoint.url, `${target('long')}content-length: 3\r\n\r\nabcdef\r\n\r\n`);
  assert.match(long, /^HTTP\/1\.1 (200|400)/);
  const endless = `${target('none')}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`;
  assert.equal(codeIn(await rawExchange(endpoint.url, endless, true)), 'MissingContentLength');
  for (const name of ['short', 'slow', 'none']) await missing(name);
});

test('a request with two Host fields, none, or a whole URL as its target is refused', async () => {
  const { pathname, search, host } = new URL(presigned(endpoint, ['GET', 'photos', 'page']));
  const heads: readonly (readonly [string, string])[] = [
    [`GET ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\nhost: ${host}`, 'InvalidRequest'],
    [`GET ${pathname}${search} HTTP/1.1\r\nx: y`, 'InvalidRequest'],
    [`GET http://${host}${pathname}${search} HTTP/1.1\r\nhost: ${host}`, 'InvalidURI'],
  ];
  for (const [head, code] of heads)
    assert.equal(codeIn(await rawExchange(endpoint.url, `${head}\r\nconnection: close\r\n\r\n`)), code);
  const right = `GET ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
  assert.match(await rawExchange(endpoint.url, right), /^HTTP\/1\.1 200/);
});

test('an object larger than a bucket holds is refused from its length', async () => {
  const { pathname, search, host } = new URL(presigned(endpoint, ['PUT', 'photos', 'huge']));
  const bytes = LIMITS.bucketObjectBytesMax.value + 1;
  const head = `PUT ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\ncontent-length: ${bytes}\r\nexpect: 100-continue\r\n\r\n`;
  const answer = await rawExchange(endpoint.url, head, true);
  assert.equal(codeIn(answer), 'EntityTooLarge');
  assert.doesNotMatch(answer, /100 Continue/);
});

test('more metadata than an object has is refused', async () => {
  const metadata = (bytes: number) =>
    endpoint.client.send(
      new PutObjectCommand({
        Bucket: 'photos',
        Key: 'meta',
        Body: 'x',
        Metadata: { a: 'x'.repeat(bytes) },
      }),
    );
  assert.equal(await codeOf(metadata(LIMITS.bucketMetadataBytesMax.value)), 'MetadataTooLarge');
  assert.equal(await codeOf(metadata(LIMITS.bucketMetadataBytesMax.value - 200)), 'accepted');
});

test('many keys are deleted only with a checksum, and no more than the most', async () => {
  const Objects = (count: number) => Array.from({ length: count }, (_, at) => ({ Key: `many/${at}` }));
  const remove = (count: number) =>
    endpoint.client.send(new DeleteObjectsCommand({ Bucket: 'photos', Delete: { Objects: Objects(count) } }));
  assert.equal(await codeOf(remove(LIMITS.s3DeleteKeysMax.value)), 'accepted');
  assert.equal(await codeOf(remove(LIMITS.s3DeleteKeysMax.value + 1)), 'MalformedXML');
});
