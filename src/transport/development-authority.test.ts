import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DevelopmentAuthority } from './development-authority.ts';

const DAY_MS = 24 * 3600 * 1000;
let folder: string;
let nowMs = Date.now();
const clock = { now: () => nowMs, monotonic: () => performance.now() };

before(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'cordon-ca-')), 'tls');
});

after(() => rm(join(folder, '..'), { recursive: true }));

const text = (name: string): Promise<string> => readFile(join(folder, name), 'latin1');

test('an authority for this machine alone and a leaf are made, with keys that only their owner reads', async () => {
  const authority = await DevelopmentAuthority.open({ folder, clock });
  authority.close();
  const root = new X509Certificate(await text('authority.pem'));
  const leaf = new X509Certificate(await text('localhost.pem'));
  assert.ok(root.ca && leaf.checkIssued(root) && leaf.verify(root.publicKey) && !leaf.ca);
  assert.ok(leaf.checkHost('localhost'));
  assert.match(leaf.subjectAltName ?? '', /DNS:\*\.localhost/);
  for (const address of ['127.0.0.1', '::1']) assert.ok(leaf.checkIP(address));
  assert.equal(leaf.checkHost('example.com'), undefined);
  for (const name of ['authority.key', 'localhost.key'])
    assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
});

test('a second start takes up both, and makes anew what is broken', async () => {
  const before = [await text('authority.pem'), await text('localhost.pem')];
  (await DevelopmentAuthority.open({ folder, clock })).close();
  assert.deepEqual([await text('authority.pem'), await text('localhost.pem')], before);
  await writeFile(join(folder, 'localhost.key'), 'broken');
  (await DevelopmentAuthority.open({ folder, clock })).close();
  assert.equal(await text('authority.pem'), before[0]);
  assert.notEqual(await text('localhost.pem'), before[1]);
});

test('the leaf is renewed when two thirds of its life are over, and not before', async () => {
  const authority = await DevelopmentAuthority.open({ folder, clock });
  const before = await text('localhost.pem');
  nowMs += 59 * DAY_MS;
  assert.equal(await authority.renew(), false);
  nowMs += 2 * DAY_MS;
  assert.equal(await authority.renew(), true);
  assert.notEqual(await text('localhost.pem'), before);
  assert.equal(authority.certificates.pairs[0]?.certificate, await text('localhost.pem'));
  authority.close();
});
