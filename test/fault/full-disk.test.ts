import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const WRITER = join(import.meta.dirname, 'disk-writer.ts');
const canMount = spawnSync('unshare', ['-rm', 'true']).status === 0;

/**
 * Runs the writer with a disk of its own, which is small: a file system in memory, in a namespace that ends with it.
 */
test(
  'a full disk refuses events and loses none, and goes on when there is room',
  { skip: canMount ? false : 'no namespaces for mounts here' },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cordon-disk-'));
    try {
      const script = join(folder, 'run.sh');
      const disk = join(folder, 'disk');
      await writeFile(
        script,
        `set -eu\nmkdir ${disk}\nmount -t tmpfs -o size=6m cordon-disk ${disk}\nexec "$@"\n`,
      );
      const child = spawn('unshare', ['-rm', 'sh', script, process.execPath, '--no-warnings', WRITER, disk], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      await once(child, 'close');
      assert.equal(child.exitCode, 0, output);
      console.log(output.trim());
      const { accepted, refused, found, again } = JSON.parse(output) as {
        readonly accepted: number;
        readonly refused: number;
        readonly found: number;
        readonly again: boolean;
      };
      assert.ok(accepted > 10 && refused > 0, output);
      assert.equal(found, accepted, 'what was acknowledged is all there, and nothing else');
      assert.equal(again, true, 'with room again, events are accepted');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
