import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { denoArguments, v8Flags } from './deno.ts';

const MIB = 1024 * 1024;

test('heap and young generation leave room for the rest in every memory limit that a manifest can ask for', () => {
  const number = (flags: readonly string[], name: string): number =>
    Number(flags.find((flag) => flag.startsWith(`--${name}=`))?.split('=')[1]);
  const { functionMemoryBytesMin: least, functionMemoryBytesMax: most } = LIMITS;
  for (let bytes = least.value; bytes <= most.value; bytes *= 2) {
    const flags = v8Flags(bytes);
    const heap = number(flags, 'max-old-space-size') + 3 * number(flags, 'max-semi-space-size');
    assert.ok(heap >= 16 && heap * MIB <= bytes - 30 * MIB, `${heap} MiB of ${bytes / MIB}`);
  }
});

test('every permission is denied that the harness can do without', () => {
  const given = denoArguments('/harness.js', 128 * MIB);
  for (const name of ['run', 'ffi', 'net', 'read', 'write', 'import'])
    assert.ok(given.includes(`--deny-${name}`));
  assert.deepEqual(
    given.filter((argument) => argument.startsWith('--allow')),
    ['--allow-env', '--allow-sys=hostname'],
  );
});
