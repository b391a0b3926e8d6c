import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, beforeEach, suite, test } from 'node:test';
import { LIMITS, Secret, systemClock } from '../../contract/index.ts';
import { awsKeyWrapper, type AwsKeyOptions } from './aws-key-wrapper.ts';
import { AWS, kms, serve, transit, type KeyServiceDouble } from './key-service.fixture.ts';
import { parseServiceAddress } from './key-service.ts';
import { keyWrapperContract } from './key-wrapper.contract.ts';
import { transitKeyWrapper, type TransitKeyOptions } from './transit-key-wrapper.ts';

let vault: KeyServiceDouble;
let aws: KeyServiceDouble;
const waits: number[] = [];
before(async () => {
  vault = await serve(transit);
  aws = await serve(kms(() => systemClock.now()));
});
beforeEach(() => {
  waits.length = 0;
  vault.received.length = 0;
  aws.received.length = 0;
});
after(async () => {
  await vault.close();
  await aws.close();
});

const context = { project: 'default', version: 1 };
const wait = async (ms: number): Promise<void> => {
  waits.push(ms);
};

function openTransit(options: Partial<TransitKeyOptions> = {}) {
  return transitKeyWrapper({
    address: vault.address,
    key: 'cordon',
    token: () => new Secret('t0ken'),
    wait,
    ...options,
  });
}

function openAws(options: Partial<AwsKeyOptions> = {}) {
  return awsKeyWrapper({
    keyId: 'alias/cordon',
    region: 'eu-central-1',
    endpoint: aws.address,
    credentials: () => ({
      accessKeyId: AWS.id,
      secretAccessKey: new Secret(AWS.secret),
      sessionToken: new Secret(AWS.session),
    }),
    wait,
    ...options,
  });
}

suite('key services', () => {
  keyWrapperContract('transit', () => openTransit());
  keyWrapperContract('AWS KMS', () => openAws());
});

test('sends what the services expect, and keeps the key out of the address', async () => {
  await openTransit({ namespace: 'team' }).wrap(randomBytes(32), context);
  const [toVault] = vault.received;
  assert.equal(toVault?.path, 'POST /v1/transit/encrypt/cordon');
  assert.equal(toVault?.headers['x-vault-namespace'], 'team');
  await openAws().wrap(randomBytes(32), context);
  const [toAws] = aws.received;
  assert.deepEqual([toAws?.path, toAws?.headers['x-amz-target']], ['POST /', 'TrentService.Encrypt']);
  const input = JSON.parse(toAws?.body ?? '') as { EncryptionContext: unknown };
  assert.deepEqual(input.EncryptionContext, { 'cordon:project': 'default', 'cordon:version': '1' });
});

test('is refused with the wrong token, signature, time, region or key, at once', async () => {
  const secret = new Secret('wrong');
  const wrong = [
    openTransit({ token: () => secret }),
    openTransit({ key: 'other' }),
    openTransit({ mount: 'elsewhere' }),
    openAws({ credentials: () => ({ accessKeyId: AWS.id, secretAccessKey: secret }) }),
    openAws({
      credentials: () => ({
        accessKeyId: AWS.id,
        secretAccessKey: secret,
        sessionToken: new Secret(AWS.session),
      }),
    }),
    openAws({ clock: { now: () => systemClock.now() - 600_000, monotonic: () => 0 } }),
    openAws({ region: 'us-east-1' }),
    openAws({ keyId: 'alias/other' }),
  ];
  for (const wrapper of wrong) {
    await assert.rejects(wrapper.wrap(randomBytes(32), context), { code: 'CORDON_KEY_REFUSED' }, wrapper.id);
  }
  assert.equal(vault.received.length + aws.received.length, wrong.length);
  assert.deepEqual(waits, []);
});

test('tries again when the service fails, is overloaded or hangs up, and a bounded number of times', async () => {
  const key = randomBytes(32);
  const down = { status: 503, body: '{"errors":["sealed"]}' };
  vault.failures.push(down, 'cut');
  const wrapped = await openTransit().wrap(key, context);
  assert.deepEqual([vault.received.length, waits.length], [3, 2]);
  assert.ok(waits.every((ms) => ms >= 0 && ms < 1600));

  vault.failures.push({ status: 429, body: '' }, down, down);
  await assert.rejects(openTransit().unwrap(wrapped, context), { code: 'CORDON_KEY_UNAVAILABLE' });
  assert.equal(vault.received.length, 3 + LIMITS.keyServiceAttemptsMax.value);
  assert.deepEqual(Buffer.from(await openTransit().unwrap(wrapped, context)), key);

  aws.failures.push({ status: 400, body: '{"__type":"ThrottlingException"}' });
  assert.ok((await openAws().wrap(key, context)).length > 32);
  aws.failures.push({ status: 400, body: '{"__type":"DisabledException"}' });
  await assert.rejects(openAws().wrap(key, context), { code: 'CORDON_KEY_REFUSED' });
});

test('does not wait for a service that does not answer', async () => {
  vault.failures.push(null, null, null);
  const wrapper = openTransit({ timeoutMs: 50 });
  await assert.rejects(wrapper.wrap(randomBytes(32), context), { code: 'CORDON_KEY_UNAVAILABLE' });
  assert.equal(vault.failures.length, 0);
});

test('follows no redirect, and takes no answer that is too large or of another shape', async () => {
  const moved = { status: 307, body: '', headers: { location: `${aws.address}/v1/transit/encrypt/cordon` } };
  const large = { status: 200, body: 'x'.repeat(LIMITS.keyAnswerBytesMax.value + 1) };
  const wrap = () => openTransit().wrap(randomBytes(32), context);
  for (const answer of [moved, large]) {
    vault.failures.push(answer, answer, answer);
    await assert.rejects(wrap(), { code: 'CORDON_KEY_UNAVAILABLE' });
  }
  assert.equal(aws.received.length, 0);
  for (const body of [
    '',
    '[]',
    'null',
    '{"data":{}}',
    '{"data":{"ciphertext":1}}',
    '{"data":{"ciphertext":""}}',
  ]) {
    vault.failures.push({ status: 200, body });
    await assert.rejects(wrap(), { code: 'CORDON_KEY_REFUSED' }, body);
  }
  const body = JSON.stringify({ data: { ciphertext: 'vault:v1:x' } }).padEnd(LIMITS.keyAnswerBytesMax.value);
  vault.failures.push({ status: 200, body });
  assert.equal(Buffer.from(await wrap()).toString(), 'vault:v1:x');
});

test('refuses key services without TLS on other machines, and names that are none', () => {
  const bad = [
    'http://vault.example.com',
    'ftp://127.0.0.1',
    'vault',
    '',
    'https://u:p@vault.example.com',
    'https://v/?a=1',
  ];
  for (const address of bad) {
    assert.throws(() => parseServiceAddress(address), { code: 'CORDON_KEY_INVALID' }, address);
  }
  for (const address of [
    'https://vault.example.com:8200',
    'http://127.0.0.1:8200',
    'http://[::1]:8200',
    'http://localhost',
  ]) {
    assert.equal(typeof parseServiceAddress(address).host, 'string');
  }
  for (const key of ['', '../sys', 'a/b', 'a?b']) {
    assert.throws(() => openTransit({ key }), { code: 'CORDON_KEY_INVALID' }, key);
  }
  assert.throws(() => openTransit({ mount: '../sys' }), { code: 'CORDON_KEY_INVALID' });
  assert.throws(() => openAws({ region: 'evil.example.com/' }), { code: 'CORDON_KEY_INVALID' });
});
