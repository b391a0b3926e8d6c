import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CordonError, newId } from '../../contract/index.ts';
import { ChildSandbox } from '../child-sandbox.ts';
import { DENO_ENVIRONMENT, denoArguments, findDeno, withPrelude } from '../deno.ts';
import type { Isolation, Requirement, Sandbox, SandboxLimits, SandboxUsage } from '../port.ts';

export interface UnsandboxedOptions {
  /** JavaScript of the harness, one ES module without imports but those of `node:`. */
  readonly harness: string;
}

/** Linux counts CPU time of a process in these (sysconf(_SC_CLK_TCK)), and memory in these pages. */
const TICK_MICROS = 10_000;
const PAGE_BYTES = 4096;

/**
 * What `--unsafe-no-sandbox` gives: plain child processes with Deno's permissions, and no wall. Of the limits
 * only that of the heap is kept.
 */
export function createUnsandboxedIsolation(options: UnsandboxedOptions): Isolation {
  return new UnsandboxedIsolation(options.harness);
}

class UnsandboxedIsolation implements Isolation {
  readonly name = 'none';
  readonly confines = false;
  readonly #harness: string;
  readonly #alive = new Set<Sandbox>();
  #folder: string | null = null;

  constructor(harness: string) {
    this.#harness = harness;
  }

  requirements(): Promise<Requirement[]> {
    try {
      const { version } = findDeno();
      return Promise.resolve([{ name: 'Deno', ok: true, detail: version, fix: null }]);
    } catch (thrown) {
      const detail = thrown instanceof Error ? thrown.message : String(thrown);
      return Promise.resolve([{ name: 'Deno', ok: false, detail, fix: 'npm ci' }]);
    }
  }

  async prepare(): Promise<void> {
    this.#folder = await mkdtemp(join(tmpdir(), 'cordon-unsafe-'));
    await writeFile(join(this.#folder, 'harness.js'), withPrelude(this.#harness));
    // A package file nearby would make it CommonJS.
    await writeFile(join(this.#folder, 'package.json'), '{"type":"module"}');
  }

  async start({ memoryBytesMax }: SandboxLimits): Promise<Sandbox> {
    const folder = this.#folder;
    if (folder === null) throw new CordonError('CORDON_SANDBOX_FAILED', 'The isolation is not open.');
    const command = denoArguments(join(folder, 'harness.js'), memoryBytesMax);
    const env = { ...DENO_ENVIRONMENT, DENO_DIR: join(folder, 'cache') };
    try {
      const child = spawn(findDeno().path, command, {
        cwd: folder,
        env,
        stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      });
      await once(child, 'spawn');
      const { pid } = child;
      const usage = (): SandboxUsage => (pid === undefined ? NOTHING : usageOf(pid));
      const sandbox: Sandbox = new ChildSandbox({
        id: newId('sbx'),
        child,
        group: null,
        usage,
        released() {},
      });
      this.#alive.add(sandbox);
      void sandbox.exited.then(() => this.#alive.delete(sandbox));
      return sandbox;
    } catch (cause) {
      throw new CordonError('CORDON_SANDBOX_FAILED', 'Cannot start the process of a sandbox.', { cause });
    }
  }

  async close(): Promise<void> {
    const exits = [...this.#alive].map((sandbox) => {
      sandbox.kill();
      return sandbox.exited;
    });
    await Promise.all(exits);
    const folder = this.#folder;
    this.#folder = null;
    if (folder !== null) await rm(folder, { recursive: true, force: true });
  }
}

const NOTHING: SandboxUsage = { memoryBytes: 0, cpuMicros: 0 };

/** From /proc/PID/stat; proc_pid_stat(5). The name of the process is in parentheses and may have any character. */
function usageOf(pid: number): SandboxUsage {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const field = (number: number): number => Number(fields[number - 3] ?? 0);
    return { memoryBytes: field(24) * PAGE_BYTES, cpuMicros: (field(14) + field(15)) * TICK_MICROS };
  } catch {
    return NOTHING;
  }
}
