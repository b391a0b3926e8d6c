import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { awsTime, hmac, signingKey } from '../../aws/index.ts';
import { LIMITS } from '../../contract/index.ts';
import { signPostPolicy } from '../auth/index.ts';
import { S3Error } from '../errors.ts';
import { openEndpoint, codeOf, MIB, signingKeyOf } from '../s3.fixture.ts';
import type { TestEndpoint } from '../s3.fixture.ts';
import { readForm } from './form-reader.ts';

let endpoint: TestEndpoint;
before(async () => {
  endpoint = await openEndpoint({ origins: ['https://app.example'] });
});
after(() => endpoint.close());

const policyOf = (more: Partial<Parameters<typeof signPostPolicy>[0]> = {}) =>
  signPostPolicy({
    bucket: 'photos',
    key: 'in/',
    isPrefix: true,
    contentType: 'image/*',
    fileBytesMax: 1000,
    redirect: null,
    expiresMs: 60_000,
    credentials: signingKeyOf(endpoint.key),
    now: Date.now(),
    ...more,
  });

/** Sends the form as a browser does; what is given replaces fields, or comes before the file. */
async function upload(
  file: Uint8Array,
  more: Readonly<Record<string, string>> = {},
  fields = policyOf(),
): Promise<Response> {
  const form = new FormData();
  const all = new Map<string, string>([...fields, ['key', 'in/${filename}'], ['Content-Type', 'image/png']]);
  for (const [name, value] of Object.entries(more)) all.set(name, value);
  const lower = new Set<string>();
  for (const [name, value] of [...all].toReversed()) {
    if (lower.has(name.toLowerCase())) continue;
    lower.add(name.toLowerCase());
    form.append(name, value);
  }
  form.append('file', new Blob([Uint8Array.from(file)]), 'cat.png');
  return fetch(`${endpoint.url}/photos`, {
    method: 'POST',
    body: form,
    headers: { origin: 'https://app.example' },
  });
}
const codeIn = async (answer: Response): Promise<string> =>
  /<Code>(\w+)<\/Code>/.exec(await answer.text())?.[1] ?? 'accepted';
const bytesOf = async (Key: string): Promise<Buffer> => {
  const { Body } = await endpoint.client.send(new GetObjectCommand({ Bucket: 'photos', Key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
};

test('a form of a browser stores its file under the name that the browser gives', async () => {
  const bytes = randomBytes(1000);
  const answer = await upload(bytes);
  assert.equal(answer.status, 204);
  assert.match(answer.headers.get('etag') ?? '', /^"[0-9a-f]{32}"$/);
  assert.equal(answer.headers.get('access-control-allow-origin'), 'https://app.example');
  assert.ok((await bytesOf('in/cat.png')).equals(bytes));
});

test('a file that is larger than the policy allows, or of another type or place, is refused and not stored', async () => {
  assert.equal(await codeIn(await upload(randomBytes(1001), { key: 'in/large' })), 'EntityTooLarge');
  assert.equal(await codeIn(await upload(randomBytes(16 * MIB), { key: 'in/large' })), 'EntityTooLarge');
  assert.equal(await codeIn(await upload(randomBytes(10), { key: 'out/x' })), 'AccessDenied');
  assert.equal(await codeIn(await upload(randomBytes(10), { 'Content-Type': 'text/html' })), 'AccessDenied');
  assert.equal(await codeIn(await upload(randomBytes(10), { 'x-amz-meta-a': '1' })), 'AccessDenied');
  assert.equal(await codeIn(await upload(randomBytes(10), { key: 'in/../x' })), 'InvalidArgument');
  for (const key of ['in/large', 'out/x', 'in/../x', 'x'])
    assert.notEqual(await codeOf(bytesOf(key)), 'accepted', key);
});

test('a policy that another key signed, or that has expired, is refused', async () => {
  const credentials = signingKeyOf({ ...endpoint.key, secretAccessKey: 'x'.repeat(40) });
  assert.equal(
    await codeIn(await upload(randomBytes(10), {}, policyOf({ credentials }))),
    'SignatureDoesNotMatch',
  );
  const expired = policyOf({ now: Date.now() - 61_000 });
  assert.equal(await codeIn(await upload(randomBytes(10), {}, expired)), 'AccessDenied');
  const readOnly = await endpoint.newKey({ can: ['get'] });
  const weak = policyOf({ credentials: signingKeyOf(readOnly) });
  assert.equal(await codeIn(await upload(randomBytes(10), {}, weak)), 'AccessDenied');
});

/** Fields of a form with a policy that covers each of them. */
function policyFor(fields: Readonly<Record<string, string>>): (readonly [string, string])[] {
  const now = Date.now();
  const { id, secret } = signingKeyOf(endpoint.key);
  const time = awsTime(now);
  const scope = { date: time.slice(0, 8), region: 'us-east-1', service: 's3' };
  const all: Readonly<Record<string, string>> = {
    bucket: 'photos',
    ...fields,
    'x-amz-algorithm': 'AWS4-HMAC-SHA256',
    'x-amz-credential': `${id}/${scope.date}/${scope.region}/s3/aws4_request`,
    'x-amz-date': time,
  };
  const expiration = new Date(now + 60_000).toISOString();
  const document = {
    expiration,
    conditions: Object.entries(all).map(([name, value]) => ({ [name]: value })),
  };
  const policy = Buffer.from(JSON.stringify(document)).toString('base64');
  const signature = hmac(signingKey(secret, scope), policy).toString('hex');
  return [...Object.entries(all), ['policy', policy], ['x-amz-signature', signature]];
}

async function submit(fields: Readonly<Record<string, string>>): Promise<Response> {
  const form = new FormData();
  for (const [name, value] of policyFor(fields)) form.append(name, value);
  form.append('file', new Blob(['x']), 'a.txt');
  return fetch(`${endpoint.url}/photos`, { method: 'POST', body: form, redirect: 'manual' });
}

test('a form says how it is answered: with a status, or by a way on to a page', async () => {
  assert.equal((await submit({ key: 'p', success_action_status: '200' })).status, 200);
  assert.equal((await submit({ key: 'p', success_action_status: '999' })).status, 204);
  const created = await submit({ key: 'a&b', success_action_status: '201' });
  assert.equal(created.status, 201);
  assert.match(await created.text(), /<Bucket>photos<\/Bucket><Key>a&amp;b<\/Key>/);
  const redirect = 'https://app.example/done?x=1';
  const sent = await submit({ key: 'p', success_action_redirect: redirect, 'x-amz-meta-a': 'ü' });
  assert.equal(sent.status, 303);
  assert.match(
    sent.headers.get('location') ?? '',
    /^https:\/\/app\.example\/done\?x=1&bucket=photos&key=p&etag=/,
  );
  for (const wrong of ['javascript:alert(1)', '/done', 'ftp://app.example'])
    assert.equal(await codeIn(await submit({ key: 'q', success_action_redirect: wrong })), 'InvalidArgument');
  assert.equal(await codeOf(bytesOf('q')), 'NoSuchKey');
});

test('a field of a form that would change what is done is refused', async () => {
  assert.equal(await codeIn(await submit({ key: 'r', acl: 'private' })), 'accepted');
  for (const [name, value] of [
    ['acl', 'public-read'],
    ['x-amz-storage-class', 'GLACIER'],
    ['x-amz-server-side-encryption', 'AES256'],
    ['tagging', 'a'],
    ['redirect', 'https://app.example'],
  ] as const)
    assert.equal(await codeIn(await submit({ key: 'r', [name]: value })), 'NotImplemented', name);
});

const CONTENT_TYPE = 'multipart/form-data; boundary=xyz';
const field = (name: string, value: string): string =>
  `--xyz\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const file = (bytes: string): string =>
  `--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n${bytes}`;
const END = '\r\n--xyz--\r\n';

async function* inPieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve();
    yield bytes.subarray(at, at + size);
  }
}

async function readAll(text: string, size = 1000, contentType = CONTENT_TYPE) {
  const form = await readForm(contentType, inPieces(text, size));
  const bytes = Buffer.concat(await Array.fromAsync(form.file));
  return { fields: form.fields, filename: form.filename, bytes: bytes.toString() };
}
const refusalOf = async (text: string, contentType = CONTENT_TYPE): Promise<string> => {
  try {
    await readAll(text, 1000, contentType);
    return 'accepted';
  } catch (error) {
    return error instanceof S3Error ? error.code : String(error);
  }
};

test('a form is read in the same way however its bytes are cut', async () => {
  const text = fc.string({ maxLength: 60 }).map((value) => value.replaceAll('\r\n--xyz', ''));
  await fc.assert(
    fc.asyncProperty(text, text, fc.integer({ min: 1, max: 40 }), async (value, content, size) => {
      const read = await readAll(field('key', value) + file(content) + END, size);
      assert.deepEqual(read, { fields: [['key', value]], filename: 'a.png', bytes: content });
    }),
    { numRuns: 100 },
  );
});

test('a file may hold what looks like the beginning of a boundary', async () => {
  const content = 'a\r\n--xy\r\n-\r\n--xz--';
  for (const size of [1, 2, 3, 5, 1000])
    assert.equal((await readAll(file(content) + END, size)).bytes, content);
});

test('a form that could be read in two ways is refused', async () => {
  assert.equal(await refusalOf(field('key', 'a') + file('x') + END), 'accepted');
  const wrong: readonly (readonly [string, string])[] = [
    ['a preamble', `hello\r\n${file('x')}${END}`],
    ['no file', `${field('key', 'a')}--xyz--\r\n`],
    ['a field behind the file', `${file('x')}\r\n${field('key', 'b')}--xyz--\r\n`],
    ['an epilogue', `${file('x')}${END}more`],
    ['no end', file('x')],
    ['half an end', `${file('x')}\r\n--xyz-`],
    ['a field without a name', '--xyz\r\nContent-Type: a/b\r\n\r\nx' + END],
    [
      'a disposition twice',
      file('x').replace('Content-Type: image/png', 'Content-Disposition: form-data; name="key"') + END,
    ],
    ['another field', file('x').replace('Content-Type', 'Content-Transfer-Encoding') + END],
    ['an escaped quote', field('a\\"b', 'x') + file('x') + END],
  ];
  for (const [what, text] of wrong) assert.equal(await refusalOf(text), 'MalformedPOSTRequest', what);
  for (const type of [
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary=x; a=b',
  ])
    assert.equal(await refusalOf(file('x') + END, type), 'MalformedPOSTRequest', type);
});

test('a form may have as many fields and bytes as its limits say, and not one more', async () => {
  const many = (count: number): string =>
    Array.from({ length: count }, (_, at) => field(`f${at}`, 'x')).join('') + file('x') + END;
  assert.equal(await refusalOf(many(LIMITS.s3FormFieldsMax.value)), 'accepted');
  assert.equal(await refusalOf(many(LIMITS.s3FormFieldsMax.value + 1)), 'MalformedPOSTRequest');
  const heads = [field('key', ''), file('')].map(
    (text) => text.slice('--xyz\r\n'.length).split('\r\n\r\n')[0]?.length ?? 0,
  );
  const room = LIMITS.s3FormBytesMax.value - heads.reduce((sum, length) => sum + length, 0);
  assert.equal(await refusalOf(field('key', 'x'.repeat(room)) + file('x') + END), 'accepted');
  assert.equal(await refusalOf(field('key', 'x'.repeat(room + 1)) + file('x') + END), 'MalformedPOSTRequest');
  const name = (length: number) => file('x').replace('a.png', 'n'.repeat(length)) + END;
  const rest = (heads[1] ?? 0) - 'a.png'.length;
  assert.equal(await refusalOf(name(LIMITS.s3FormHeaderBytesMax.value - rest)), 'accepted');
  assert.equal(await refusalOf(name(LIMITS.s3FormHeaderBytesMax.value - rest + 1)), 'MalformedPOSTRequest');
});
