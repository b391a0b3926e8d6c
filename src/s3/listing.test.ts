import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ListObjectsCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { LIMITS } from '../contract/index.ts';
import { countOf } from './operations/list-objects.ts';
import { openEndpoint, codeOf } from './s3.fixture.ts';
import type { TestEndpoint } from './s3.fixture.ts';

const KEYS = ['a', 'b/1', 'b/2', 'b/c/3', 'b c+é&<', 'd/4', 'e'];
let endpoint: TestEndpoint;
before(async () => {
  endpoint = await openEndpoint();
  for (const Key of KEYS)
    await endpoint.client.send(new PutObjectCommand({ Bucket: 'photos', Key, Body: Key }));
});
after(() => endpoint.close());

const list = (more: object = {}) =>
  endpoint.client.send(new ListObjectsV2Command({ Bucket: 'photos', ...more }));
const listV1 = (more: object = {}) =>
  endpoint.client.send(new ListObjectsCommand({ Bucket: 'photos', ...more }));
const namesOf = ({
  Contents = [],
  CommonPrefixes = [],
}: {
  Contents?: { Key?: string | undefined }[] | undefined;
  CommonPrefixes?: { Prefix?: string | undefined }[] | undefined;
}) => [Contents.map(({ Key }) => Key), CommonPrefixes.map(({ Prefix }) => Prefix)];
const sorted = KEYS.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));

test('all keys are listed in the order of their bytes, with size and ETag', async () => {
  const page = await list({ FetchOwner: true });
  assert.deepEqual(namesOf(page), [sorted, []]);
  assert.deepEqual([page.KeyCount, page.IsTruncated], [KEYS.length, false]);
  assert.equal(page.Contents?.[0]?.Size, 1);
  assert.match(page.Contents?.[0]?.ETag ?? '', /^"[0-9a-f]{32}"$/);
  assert.ok(page.Contents?.[0]?.Owner?.ID);
});

test('keys with a delimiter behind the prefix are told as one prefix', async () => {
  assert.deepEqual(namesOf(await list({ Delimiter: '/' })), [
    ['a', 'b c+é&<', 'e'],
    ['b/', 'd/'],
  ]);
  assert.deepEqual(namesOf(await list({ Delimiter: '/', Prefix: 'b/' })), [['b/1', 'b/2'], ['b/c/']]);
  assert.deepEqual(namesOf(await list({ Prefix: 'none' })), [[], []]);
});

for (const size of [1, 2, 3, 7, 8])
  test(`pages of ${size} give each key once, in both versions`, async () => {
    const found: unknown[] = [];
    for (let token: string | undefined; ;) {
      const page = await list({ MaxKeys: size, Delimiter: '/', ContinuationToken: token });
      found.push(...namesOf(page).flat());
      token = page.NextContinuationToken;
      assert.equal(page.IsTruncated, token !== undefined);
      if (token === undefined) break;
    }
    assert.equal(found.length, 5);
    assert.deepEqual(new Set(found), new Set(['a', 'b c+é&<', 'b/', 'd/', 'e']));
    const old: unknown[] = [];
    for (let marker: string | undefined; ;) {
      const page = await listV1({ MaxKeys: size, Delimiter: '/', Marker: marker });
      old.push(...namesOf(page).flat());
      marker = page.NextMarker;
      if (page.IsTruncated !== true) break;
    }
    assert.equal(old.length, 5);
    assert.deepEqual(new Set(old), new Set(found));
  });

test('keys are percent-encoded in the answer where the client asks', async () => {
  const page = await list({ EncodingType: 'url', Prefix: 'b c' });
  assert.deepEqual(namesOf(page), [['b%20c%2B%C3%A9%26%3C'], []]);
});

test('a list starts after a key, and a limit of zero gives nothing', async () => {
  assert.deepEqual(namesOf(await list({ StartAfter: 'b/2' })), [['b/c/3', 'd/4', 'e'], []]);
  assert.deepEqual(namesOf(await list({ StartAfter: 'b/', Delimiter: '/' })), [['e'], ['d/']]);
  const none = await list({ MaxKeys: 0 });
  assert.deepEqual([namesOf(none), none.IsTruncated], [[[], []], false]);
});

test('a token that was not given out, or of another prefix, is refused', async () => {
  const { NextContinuationToken } = await list({ MaxKeys: 1 });
  assert.equal(await codeOf(list({ ContinuationToken: 'x!' })), 'InvalidArgument');
  assert.equal(
    await codeOf(list({ ContinuationToken: NextContinuationToken, Prefix: 'zz' })),
    'InvalidArgument',
  );
  assert.equal(await codeOf(list({ ContinuationToken: NextContinuationToken })), 'accepted');
});

test('a key with a prefix lists below that prefix only', async () => {
  const narrow = endpoint.clientOf(await endpoint.newKey({ prefix: 'b/', can: ['list'] }));
  const of = (Prefix?: string) => narrow.send(new ListObjectsV2Command({ Bucket: 'photos', Prefix }));
  assert.deepEqual(namesOf(await of('b/')), [['b/1', 'b/2', 'b/c/3'], []]);
  assert.equal(await codeOf(of()), 'AccessDenied');
  assert.equal(await codeOf(of('b')), 'AccessDenied');
});

test('a list has at most as many entries as its limit says, whatever is asked', () => {
  const most = LIMITS.s3ListMax.value;
  assert.equal(countOf(undefined, 'max-keys'), most);
  assert.equal(countOf(String(most), 'max-keys'), most);
  assert.equal(countOf(String(most + 1), 'max-keys'), most);
  assert.equal(countOf('7', 'max-keys'), 7);
  for (const wrong of ['-1', '1.5', 'x', '1e3', ' 1'])
    assert.throws(() => countOf(wrong, 'max-keys'), { code: 'InvalidArgument' }, wrong);
});
