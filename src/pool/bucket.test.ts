import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { openCapable, deployCode } from './capabilities.fixture.ts';
import type { Capable } from './capabilities.fixture.ts';
import { callIn, sleep } from './pool.fixture.ts';

let capable: Capable;
before(async () => {
  capable = await openCapable();
});
after(() => capable.close());

let buckets = 0;
const ALL = ['get', 'head', 'put', 'delete', 'list'] as const;
const PRELUDE = `
  const bucket = env.PHOTOS;
  const attempt = async (work) => { try { return await work(); } catch (e) { return e.code ?? e.name; } };
  const zeros = (n, by = 65536) => { let left = n; return new ReadableStream({ pull(c) { const m = Math.min(by, left); if (m > 0) c.enqueue(new Uint8Array(m)); left -= m; if (left <= 0) c.close(); } }); };`;

/** A function with a bucket, by default one of its own. */
function withBucket(
  code: string,
  grant: { can?: readonly (typeof ALL)[number][]; prefix?: string; name?: string } = {},
) {
  const { can = ALL, prefix, name = `bucket-${buckets++}` } = grant;
  const bucket = { PHOTOS: { bucket: name, can: [...can], ...(prefix === undefined ? {} : { prefix }) } };
  return deployCode({ f: { code: `${PRELUDE} ${code}`, grants: { bucket } } }).of('f');
}

async function run(code: string, grant: Parameters<typeof withBucket>[1] = {}): Promise<unknown> {
  const answer = await callIn(capable.pool, withBucket(code, grant), '/');
  if (answer.error !== null) throw answer.error;
  return JSON.parse(answer.body);
}

/** Names of all files that hold objects, kept or not. */
async function files(): Promise<string[]> {
  const folder = join(capable.folder, 'streamed');
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map(({ name }) => name);
}

/** Waits for what is deleted in the background. */
async function filesDownTo(count: number): Promise<void> {
  const deadline = Date.now() + 5000;
  while ((await files()).length > count && Date.now() < deadline) await sleep(20);
  assert.equal((await files()).length, count);
}

const md5 = (bytes: Uint8Array | string): string => createHash('md5').update(bytes).digest('hex');

test('a bucket gives back an object with its metadata, and its head without its bytes', async () => {
  const found = (await run(`
    const put = await bucket.put('a/1', 'héllo', { httpMetadata: { contentType: 'text/plain', cacheExpiry: new Date(5000) }, customMetadata: { by: 'me' } });
    const got = await bucket.get('a/1');
    const head = await bucket.head('a/1');
    const headers = new Headers();
    got.writeHttpMetadata(headers);
    return Response.json([put.etag, put.httpEtag, put.size, put.version.length, await got.text(), got.bodyUsed, got.etag === head.etag, head.customMetadata,
      [...headers], got.checksums, got.uploaded instanceof Date, 'body' in head, await bucket.get('none'), await bucket.head('none')]);`)) as unknown[];
  const etag = md5('héllo');
  assert.deepEqual(found, [
    etag,
    `"${etag}"`,
    6,
    32,
    'héllo',
    true,
    true,
    { by: 'me' },
    [
      ['content-type', 'text/plain'],
      ['expires', 'Thu, 01 Jan 1970 00:00:05 GMT'],
    ],
    { md5: etag },
    true,
    false,
    null,
    null,
  ]);
});

test('a bucket gives ranges of small and large objects', async () => {
  const found = await run(`
    const results = [];
    for (const size of [1000, 200_000]) {
      const bytes = new Uint8Array(size).map((_, i) => i % 251);
      await bucket.put('k', bytes);
      for (const range of [{ offset: 10, length: 5 }, { offset: size - 3 }, { suffix: 4 }, { length: 2 }, { offset: size - 2, length: 99 }, new Headers({ range: 'bytes=65530-65545' })]) {
        const got = await attempt(() => bucket.get('k', { range }));
        if (typeof got === 'string') { results.push(got); continue; }
        const back = await got.bytes();
        results.push([got.range.offset, got.range.length, back.length === got.range.length && back.every((b, i) => b === (got.range.offset + i) % 251)]);
      }
      results.push(await attempt(() => bucket.get('k', { range: { offset: size } })), await attempt(() => bucket.get('k', { range: { suffix: 0 } })));
    }
    return Response.json(results);`);
  const invalid = 'CORDON_BUCKET_RANGE_INVALID';
  assert.deepEqual(found, [
    [10, 5, true],
    [997, 3, true],
    [996, 4, true],
    [0, 2, true],
    [998, 2, true],
    invalid,
    invalid,
    invalid,
    [10, 5, true],
    [199_997, 3, true],
    [199_996, 4, true],
    [0, 2, true],
    [199_998, 2, true],
    [65_530, 16, true],
    invalid,
    invalid,
  ]);
});

test('a bucket verifies checksums, and stores nothing when one is wrong', async () => {
  const sums = Object.fromEntries(
    ['md5', 'sha1', 'sha256', 'sha384', 'sha512'].map((name) => [
      name,
      createHash(name).update('x').digest('hex'),
    ]),
  );
  const found = await run(`
    const sums = ${JSON.stringify(sums)};
    const results = [];
    for (const [name, sum] of Object.entries(sums)) {
      const put = await bucket.put(name, 'x', { [name]: sum });
      results.push(put.checksums.toJSON()[name] === sum, await attempt(() => bucket.put(name + '!', 'y', { [name]: sum })));
    }
    const bytes = new Uint8Array(16).map((_, i) => parseInt(sums.md5.slice(2 * i, 2 * i + 2), 16));
    await bucket.put('bytes', 'x', { md5: bytes.buffer });
    results.push(await attempt(() => bucket.put('large!', zeros(200_000), { md5: sums.md5 })), (await bucket.list()).objects.map(({ key }) => key));
    return Response.json(results);`);
  const wrong = 'CORDON_BUCKET_CHECKSUM_WRONG';
  assert.deepEqual(found, [
    true,
    wrong,
    true,
    wrong,
    true,
    wrong,
    true,
    wrong,
    true,
    wrong,
    wrong,
    ['bytes', 'md5', 'sha1', 'sha256', 'sha384', 'sha512'],
  ]);
});

test('conditions hold of get and put', async () => {
  const found = await run(`
    const first = await bucket.put('k', '1');
    const etag = first.etag, other = 'f'.repeat(32);
    const body = async (onlyIf) => { const got = await bucket.get('k', { onlyIf }); return 'body' in got ? await got.text() : null; };
    const results = [
      await body({ etagMatches: etag }), await body({ etagMatches: other }), await body({ etagDoesNotMatch: etag }), await body({ etagDoesNotMatch: other }),
      await body(new Headers({ 'if-none-match': first.httpEtag })), await body(new Headers({ 'if-match': '"x", ' + first.httpEtag })),
      await body({ uploadedAfter: new Date(Date.now() + 10_000) }), await body({ uploadedBefore: new Date(Date.now() + 10_000) }),
    ];
    results.push(await bucket.put('k', '2', { onlyIf: { etagMatches: other } }), await bucket.put('k', '2', { onlyIf: { etagDoesNotMatch: '*' } }));
    results.push((await bucket.put('k', '3', { onlyIf: { etagMatches: etag } })).size, (await bucket.put('new', 'n', { onlyIf: { etagDoesNotMatch: '*' } })).size);
    results.push(await bucket.put('none', 'n', { onlyIf: { etagMatches: '*' } }), await (await bucket.get('k')).text());
    const both = await Promise.all([1, 2, 3, 4].map((n) => bucket.put('raced', String(n), { onlyIf: { etagDoesNotMatch: '*' } })));
    results.push(both.filter((put) => put !== null).length);
    return Response.json(results);`);
  assert.deepEqual(found, ['1', null, null, '1', null, '1', null, '1', null, null, 1, 1, null, '3', 1]);
});

test('a bucket lists with prefix, delimiter and pages, and deletes one or many', async () => {
  const found = await run(`
    for (const key of ['a/1', 'a/2', 'a/b/1', 'a/b/2', 'a/c/1', 'd', 'e/1']) await bucket.put(key, key, { customMetadata: { key } });
    const pages = async (options) => {
      const seen = [];
      let cursor;
      do {
        const page = await bucket.list({ ...options, cursor });
        seen.push([page.objects.map(({ key }) => key), page.delimitedPrefixes]);
        cursor = page.truncated ? page.cursor : undefined;
      } while (cursor);
      return seen;
    };
    const results = [await pages({}), await pages({ delimiter: '/' }), await pages({ prefix: 'a/', delimiter: '/', limit: 2 }), await pages({ limit: 3 }), await pages({ startAfter: 'a/c/1' }),
      await pages({ prefix: 'd', startAfter: 'a' })];
    const plain = (await bucket.list({ limit: 1 })).objects[0], rich = (await bucket.list({ limit: 1, include: ['customMetadata'] })).objects[0];
    results.push(plain.customMetadata ?? null, rich.customMetadata);
    await bucket.delete('d');
    await bucket.delete(['a/1', 'a/2', 'none']);
    results.push(await pages({ delimiter: '/' }), await attempt(() => bucket.list({ cursor: 'x' })));
    return Response.json(results);`);
  assert.deepEqual(found, [
    [[['a/1', 'a/2', 'a/b/1', 'a/b/2', 'a/c/1', 'd', 'e/1'], []]],
    [[['d'], ['a/', 'e/']]],
    [
      [['a/1', 'a/2'], []],
      [[], ['a/b/', 'a/c/']],
    ],
    [
      [['a/1', 'a/2', 'a/b/1'], []],
      [['a/b/2', 'a/c/1', 'd'], []],
      [['e/1'], []],
    ],
    [[['d', 'e/1'], []]],
    [[['d'], []]],
    null,
    { key: 'a/1' },
    [[[], ['a/', 'e/']]],
    'CORDON_CURSOR_INVALID',
  ]);
});

test('a large object streams both ways and its file goes with it', async () => {
  const size = 8 * 1024 * 1024;
  const before = new Set(await files());
  const found = await run(
    `
    const put = await bucket.put('large', zeros(${size}));
    let length = 0;
    for await (const chunk of (await bucket.get('large')).body) length += chunk.length;
    return Response.json([put.size, put.etag, length]);`,
    { name: 'large' },
  );
  assert.deepEqual(found, [size, md5(new Uint8Array(size)), size]);
  const made = (await files()).filter((name) => !before.has(name));
  assert.equal(made.length, 1);
  await run(
    `
    await bucket.put('large', zeros(200_000));
    await bucket.put('large', 'small');
    await bucket.delete('large');
    return Response.json(0);`,
    { name: 'large' },
  );
  await filesDownTo(before.size);
});

test('replaced and deleted objects leave no file', async () => {
  const before = (await files()).length;
  await run(`
    await bucket.put('k', zeros(200_000));
    await bucket.put('k', zeros(300_000));
    await bucket.put('k', 'small');
    await bucket.put('k', zeros(200_000));
    await bucket.delete('k');
    return Response.json(0);`);
  await filesDownTo(before);
});

test('an upload that is cut leaves no object and no file, and what was there stays', async () => {
  const before = (await files()).length;
  const found = await run(`
    await bucket.put('k', 'old');
    const cut = new ReadableStream({ n: 0, pull(c) { if (this.n++ > 20) c.error(new Error('cut')); else c.enqueue(new Uint8Array(65536)); } });
    const failed = await attempt(() => bucket.put('k', cut));
    return Response.json([failed, await (await bucket.get('k')).text()]);`);
  assert.deepEqual(found, ['Error', 'old']);
  await filesDownTo(before);
});

test('keys, metadata and grants of a bucket have their bounds', async () => {
  const found = await run(
    `await bucket.put('a/' + 'k'.repeat(1022), 'x');
    return Response.json([await attempt(() => bucket.put('a/' + 'k'.repeat(1023), 'x')), await attempt(() => bucket.put('a/', 'x', { customMetadata: { m: 'm'.repeat(9000) } })),
      await attempt(() => bucket.get('b')), await attempt(() => bucket.delete(['a/1', 'b'])), await attempt(() => bucket.list({ prefix: 'a' })), (await bucket.list({ prefix: 'a/' })).objects.length,
      await attempt(() => bucket.put('a/x', 'x', { ssecKey: 'k' })), await attempt(() => bucket.head('a/x'))]);`,
    { prefix: 'a/', can: ['get', 'put', 'list', 'delete'] },
  );
  const denied = 'CORDON_GRANT_MISSING';
  assert.deepEqual(found, [
    'CORDON_BUCKET_KEY_INVALID',
    'CORDON_BUCKET_METADATA_TOO_LARGE',
    denied,
    denied,
    denied,
    1,
    'TypeError',
    denied,
  ]);
  assert.equal(LIMITS.bucketKeyBytesMax.value, 1024);
});

test('100 MB go through the host with flat memory', async (t) => {
  const size = 100 * 1000 * 1000;
  const target = withBucket(`
    if (request.method === 'PUT') { const started = performance.now(); await bucket.put('k', zeros(${size})); return Response.json(performance.now() - started); }
    const started = performance.now(); let n = 0; for await (const c of (await bucket.get('k')).body) n += c.length;
    return Response.json([n, performance.now() - started]);`);
  await callIn(capable.pool, target, '/', { method: 'PUT' });
  const base = process.memoryUsage().rss;
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20);
  const put = await callIn(capable.pool, target, '/', { method: 'PUT' });
  const got = await callIn(capable.pool, target, '/');
  clearInterval(watch);
  const [n, ms] = JSON.parse(got.body) as [number, number];
  assert.equal(n, size);
  const growth = (peak - base) / 1e6;
  t.diagnostic(
    `bucket put ${(size / 1000 / Number(put.body)).toFixed(0)} MB/s, get ${(size / 1000 / ms).toFixed(0)} MB/s, host memory +${growth.toFixed(1)} MB`,
  );
  assert.ok(growth < 64, `${growth} MB`);
});
