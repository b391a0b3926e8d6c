import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import { commandKeyWrapper } from './command-key-wrapper.ts';
import { takeEnvironmentKeyWrapper } from './environment-key-wrapper.ts';
import { openFileKeyWrapper } from './file-key-wrapper.ts';
import { keyWrapperContract } from './key-wrapper.contract.ts';

const root = mkdtempSync(join(tmpdir(), 'cordon-wrapper-'));
after(() => rmSync(root, { recursive: true, force: true }));

let files = 0;
function newPath(): string {
  files += 1;
  return join(root, `key ${files}`);
}

const context = { project: 'default', version: 1 };

keyWrapperContract('file', () => openFileKeyWrapper({ path: newPath(), create: true }));
keyWrapperContract('environment', () =>
  takeEnvironmentKeyWrapper({ CORDON_MASTER_KEY: randomBytes(32).toString('base64') }),
);

test('makes the file of the master key for its owner alone, once', async () => {
  const path = newPath();
  assert.throws(() => openFileKeyWrapper({ path, create: false }), { code: 'CORDON_KEY_INVALID' });
  const made = openFileKeyWrapper({ path, create: true });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(Buffer.from(readFileSync(path, 'utf8'), 'base64').length, 32);
  assert.deepEqual(
    readdirSync(root).filter((name) => name.startsWith('key 2.')),
    [],
  );
  const opened = openFileKeyWrapper({ path, create: true });
  assert.equal(opened.id, made.id);
  const key = randomBytes(32);
  assert.deepEqual(Buffer.from(await opened.unwrap(await made.wrap(key, context), context)), key);
  assert.notEqual(openFileKeyWrapper({ path: newPath(), create: true }).id, made.id);
});

test('refuses a master key that others can read, own or lead elsewhere', (t) => {
  const path = newPath();
  openFileKeyWrapper({ path, create: true });
  for (const mode of [0o640, 0o604, 0o620, 0o644, 0o601]) {
    chmodSync(path, mode);
    assert.throws(() => openFileKeyWrapper({ path, create: true }), { code: 'CORDON_KEY_EXPOSED' });
  }
  chmodSync(path, 0o400);
  openFileKeyWrapper({ path, create: true });
  const link = newPath();
  symlinkSync(path, link);
  assert.throws(() => openFileKeyWrapper({ path: link, create: true }), { code: 'CORDON_KEY_INVALID' });
  if (process.getuid?.() !== 0) {
    t.diagnostic('giving a file to another user needs root');
    return;
  }
  chownSync(path, 12_345, 12_345);
  assert.throws(() => openFileKeyWrapper({ path, create: true }), { code: 'CORDON_KEY_EXPOSED' });
});

test('refuses a file that is damaged, and does not write over it', () => {
  const good = randomBytes(32).toString('base64');
  for (const text of [
    '',
    'short',
    good.slice(1),
    `${good}\n\n`,
    `${good.slice(0, -1)}!`,
    randomBytes(33).toString('base64'),
  ]) {
    const path = newPath();
    writeFileSync(path, text, { mode: 0o600 });
    assert.throws(() => openFileKeyWrapper({ path, create: true }), { code: 'CORDON_KEY_INVALID' });
    assert.equal(readFileSync(path, 'utf8'), text);
  }
  const nowhere = join(newPath(), 'below');
  assert.throws(() => openFileKeyWrapper({ path: nowhere, create: true }), { code: 'CORDON_KEY_INVALID' });
});

test('takes the master key out of the environment', () => {
  const environment: Record<string, string | undefined> = {
    CORDON_MASTER_KEY: randomBytes(32).toString('base64'),
    PATH: '/bin',
  };
  const wrapper = takeEnvironmentKeyWrapper(environment);
  assert.match(wrapper.id, /^environment:[0-9a-f]{16}$/);
  assert.deepEqual(environment, { PATH: '/bin' });
  for (const text of [
    undefined,
    '',
    'x',
    randomBytes(16).toString('base64'),
    randomBytes(32).toString('hex'),
  ]) {
    assert.throws(() => takeEnvironmentKeyWrapper({ CORDON_MASTER_KEY: text }), {
      code: 'CORDON_KEY_INVALID',
    });
  }
});

/** A program that adds up data with the context, so that it is bound. */
const PROGRAM = `
const { createHash } = require('node:crypto');
const input = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const tag = createHash('sha256').update('key' + input.project + input.version).digest();
const data = Buffer.from(input.data, 'base64');
const mixed = Buffer.from(data.subarray(0, 32).map((byte, index) => byte ^ tag[index]));
const check = (key) => createHash('sha256').update(tag).update(key).digest();
if (input.operation === 'wrap') {
  console.log(JSON.stringify({ data: Buffer.concat([mixed, check(data)]).toString('base64') }));
} else if (check(mixed).equals(data.subarray(32))) {
  console.log(JSON.stringify({ data: mixed.toString('base64') }));
} else {
  console.error('not mine');
  process.exit(3);
}`;

function program(code: string, more: { timeoutMs?: number; environment?: Record<string, string> } = {}) {
  return commandKeyWrapper({ name: 'test', program: process.execPath, arguments: ['--eval', code], ...more });
}

keyWrapperContract('command', () => program(PROGRAM));

test('says why the program did not wrap a key', async () => {
  const key = randomBytes(32);
  const wrap = (code: string, timeoutMs = 5000) => program(code, { timeoutMs }).wrap(key, context);
  await assert.rejects(wrap(`console.error('no such key'); process.exit(3)`), {
    code: 'CORDON_KEY_REFUSED',
    details: { program: process.execPath, operation: 'wrap', status: 3, stderr: 'no such key\n' },
  });
  for (const answer of ['no JSON', '{}', '{"data":""}', '{"data":"*"}', '{"data":7}', 'null', '']) {
    await assert.rejects(
      wrap(`process.stdout.write(${JSON.stringify(answer)})`),
      { code: 'CORDON_KEY_REFUSED' },
      answer,
    );
  }
  const unavailable = { code: 'CORDON_KEY_UNAVAILABLE' };
  await assert.rejects(wrap('setInterval(() => {}, 1000)', 300), unavailable);
  await assert.rejects(
    wrap(`process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000)`),
    unavailable,
  );
  const missing = commandKeyWrapper({ name: 'test', program: join(root, 'missing') });
  await assert.rejects(missing.wrap(key, context), unavailable);
});

test('takes an answer of the largest size, and none that is larger', async () => {
  const print = (bytes: number) => {
    const data = Buffer.alloc(48).toString('base64');
    return `process.stdout.write(JSON.stringify({ data: '${data}' }).padEnd(${bytes}))`;
  };
  const max = LIMITS.keyAnswerBytesMax.value;
  assert.equal((await program(print(max)).wrap(randomBytes(32), context)).length, 48);
  await assert.rejects(program(print(max + 1)).wrap(randomBytes(32), context), {
    code: 'CORDON_KEY_UNAVAILABLE',
  });
});

test('gives the program no environment but its own', async () => {
  const code = `console.log(JSON.stringify({ data: Buffer.from(Object.keys(process.env).sort().join()).toString('base64') }))`;
  const wrapped = await program(code, { environment: { OWN: '1' } }).wrap(randomBytes(32), context);
  const names = Buffer.from(wrapped).toString().split(',');
  assert.ok(names.includes('OWN'));
  assert.deepEqual(
    names.filter((name) => !['OWN', 'PATH', 'HOME', 'LANG', 'TZ'].includes(name)),
    [],
  );
});
