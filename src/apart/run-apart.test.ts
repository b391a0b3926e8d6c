import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { runApart, type Ended } from './index.ts';

async function run(
  t: TestContext,
  source: string,
  options: { readonly timeoutMs?: number; readonly outputBytesMax?: number } = {},
): Promise<Ended> {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-apart-'));
  t.after(() => rm(folder, { recursive: true }));
  const program = join(folder, 'program.mjs');
  await writeFile(
    program,
    `import { text } from 'node:stream/consumers';\nconst input = await text(process.stdin);\n${source}`,
  );
  return runApart({
    program,
    input: 'hello',
    timeoutMs: 10_000,
    memoryMiB: 64,
    outputBytesMax: 100,
    ...options,
  });
}

test('gives back what the program writes, which sees nothing of this process', async (t) => {
  const ended = await run(
    t,
    'process.stdout.write(input + Object.keys(process.env).length + process.cwd());',
  );
  assert.deepEqual(ended, { ok: true, output: 'hello0/' });
});

test('an answer of the greatest length is taken, and one byte more ends it', async (t) => {
  assert.equal((await run(t, "process.stdout.write('x'.repeat(100));")).ok, true);
  assert.equal(
    (await run(t, "process.stdout.write('x'.repeat(101)); setInterval(() => {}, 1000);")).ok,
    false,
  );
});

test('what does not end, throws, or takes more memory than it may is ended', async (t) => {
  assert.deepEqual(await run(t, 'for (;;);', { timeoutMs: 300 }), { ok: false, signal: 'SIGKILL' });
  assert.deepEqual(await run(t, 'throw new Error();'), { ok: false, signal: null });
  assert.equal((await run(t, 'const all = []; for (;;) all.push(new Array(1e5).fill(1.5));')).ok, false);
});
