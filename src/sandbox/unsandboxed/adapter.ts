import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CordonError, newId } from '../../contract/index.ts';
import type { Isolation, Requirement, Sandbox, SandboxExit, SandboxLimits } from '../port.ts';
import { runtimeArguments } from '../runtime-arguments.ts';
import { denoBinary } from '../runtime-root.ts';

const STDERR_BYTES_MAX = 8 * 1024;

/**
 * No isolation: the runtime as a plain process of this user, with Deno's permissions denied and nothing
 * else. For development where a sandbox cannot be made, behind `--unsafe-no-sandbox`. Memory is bounded by
 * the JavaScript heap only; processes and CPU are not bounded.
 */
export class UnsandboxedIsolation implements Isolation {
  readonly name = 'none (unsafe)';
  readonly confines = false;
  readonly #harness: string;
  readonly #running = new Set<Sandbox>();
  #folder = '';

  constructor(options: { readonly harness: string }) {
    this.#harness = options.harness;
  }

  requirements(): Promise<Requirement[]> {
    return Promise.resolve([]);
  }

  prepare(): Promise<void> {
    this.#folder = mkdtempSync(join(tmpdir(), 'cordon-unsafe-'));
    writeFileSync(join(this.#folder, 'harness.mjs'), this.#harness);
    return Promise.resolve();
  }

  start(limits: SandboxLimits): Promise<Sandbox> {
    const args = runtimeArguments(limits.memoryBytesMax, join(this.#folder, 'harness.mjs'));
    const child = spawn(denoBinary(), args, {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      env: { NO_COLOR: '1' },
      cwd: this.#folder,
    });
    const channel = child.stdio[3];
    if (!(channel instanceof Socket))
      return Promise.reject(new CordonError('CORDON_INTERNAL', 'The channel is not a socket.'));
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-STDERR_BYTES_MAX);
    });
    let killed = false;
    const exited = new Promise<SandboxExit>((resolve) => {
      const end = (code: number | null, signal: string | null): void => {
        channel.destroy();
        resolve({ reason: killed ? 'killed' : 'exited', code, signal, stderr });
      };
      child.once('exit', end);
      child.once('error', () => end(null, null));
    });
    const sandbox: Sandbox = {
      id: newId('ins'),
      pid: child.pid ?? 0,
      channel,
      exited,
      kill: () => {
        killed = true;
        child.kill('SIGKILL');
      },
      setMemoryLimit: () => undefined,
      usage: () => ({ memoryBytes: 0, cpuMicros: 0 }),
    };
    this.#running.add(sandbox);
    void exited.then(() => this.#running.delete(sandbox));
    return Promise.resolve(sandbox);
  }

  async close(): Promise<void> {
    for (const sandbox of this.#running) sandbox.kill();
    await Promise.all([...this.#running].map((sandbox) => sandbox.exited));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
