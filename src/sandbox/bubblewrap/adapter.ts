import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { CordonError, LIMITS, newId } from '../../contract/index.ts';
import { openGroupTree } from '../cgroups.ts';
import type { GroupTree, SandboxGroup } from '../cgroups.ts';
import type {
  ExitReason,
  Isolation,
  Requirement,
  Sandbox,
  SandboxExit,
  SandboxLimits,
  SandboxUsage,
} from '../port.ts';
import { bubblewrapRequirements } from '../requirements.ts';
import { makeRuntimeRoot } from '../runtime-root.ts';
import { dropPrivileges } from '../tool.ts';
import { runtimeArguments } from '../runtime-arguments.ts';
import { buildLauncher } from './launcher.ts';

/** First of the user ids that sandboxes get when the host is root: unknown to the machine, one a slot. */
const FIRST_SLOT_UID = 65_600;
const STDERR_BYTES_MAX = 8 * 1024;
/** Status of bubblewrap when its child died of SIGSYS: 128 + 31. */
const STATUS_SIGSYS = 159;
const REMOVE_ATTEMPTS_MAX = 100;
const REMOVE_PAUSE_MS = 5;

/**
 * Joins the groups named before `--`, sets resource limits, and becomes the rest of the command line.
 * Nothing is interpolated: all of it comes as arguments.
 */
const ENTER_SCRIPT = `while [ "$1" != -- ]; do echo $$ > "$1" || exit 125; shift; done; shift; ulimit -c 0; ulimit -f 0; ulimit -n ${LIMITS.instanceFilesMax.value}; exec "$@"`;

export interface BubblewrapOptions {
  /** Source of the guest harness: one ES module. */
  readonly harness: string;
  /** Folder for runtime roots. It must be readable by the sandboxes' users. Default `/var/lib/cordon/runtime` for root. */
  readonly runtimeDirectory: string;
}

/** `Isolation` by bubblewrap, seccomp and control groups. */
export class BubblewrapIsolation implements Isolation {
  readonly name = 'bubblewrap';
  readonly confines = true;
  readonly #options: BubblewrapOptions;
  readonly #running = new Set<BubblewrapSandbox>();
  readonly #slots = new Set<number>();
  #root = '';
  #groups: GroupTree | null = null;

  constructor(options: BubblewrapOptions) {
    this.#options = options;
  }

  requirements(): Promise<Requirement[]> {
    return bubblewrapRequirements();
  }

  async prepare(): Promise<void> {
    try {
      this.#groups = openGroupTree();
      this.#groups.sweep();
      const { harness, runtimeDirectory } = this.#options;
      this.#root = makeRuntimeRoot({ folder: runtimeDirectory, harness, launcher: buildLauncher() }).path;
    } catch (cause) {
      const missing = (await this.requirements()).filter((requirement) => !requirement.ok);
      const reason = missing.map((requirement) => `${requirement.name}: ${requirement.detail}`).join('; ');
      throw new CordonError(
        'CORDON_SANDBOX_UNAVAILABLE',
        `This machine cannot make a sandbox: ${reason || (cause as Error).message}.`,
        { cause },
      );
    }
  }

  start(limits: SandboxLimits): Promise<Sandbox> {
    const groups = this.#groups;
    if (groups === null)
      return Promise.reject(new CordonError('CORDON_SANDBOX_FAILED', 'The isolation was not prepared.'));
    const slot = this.#takeSlot();
    const id = newId('ins');
    const group = groups.create(id, limits);
    const [file = '', ...rest] = this.#commandLine(group, slot, limits);
    const child = spawn(file, rest, {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
      cwd: '/',
    });
    const sandbox = new BubblewrapSandbox(id, child, group);
    this.#running.add(sandbox);
    void sandbox.exited.then(() => {
      this.#running.delete(sandbox);
      this.#slots.delete(slot);
    });
    return sandbox.spawned.then(() => sandbox);
  }

  async close(): Promise<void> {
    for (const sandbox of this.#running) sandbox.kill();
    await Promise.all([...this.#running].map((sandbox) => sandbox.exited));
    this.#groups?.close();
  }

  /** The lowest free slot: its user id belongs to no other living sandbox. */
  #takeSlot(): number {
    let slot = 0;
    while (this.#slots.has(slot)) slot += 1;
    this.#slots.add(slot);
    return slot;
  }

  #commandLine(group: SandboxGroup, slot: number, limits: SandboxLimits): string[] {
    return [
      ...['/bin/sh', '-c', ENTER_SCRIPT, 'sh', ...group.joinFiles, '--'],
      ...dropPrivileges(FIRST_SLOT_UID + slot),
      ...['bwrap', '--unshare-all', '--die-with-parent', '--new-session', '--clearenv', '--as-pid-1'],
      ...['--uid', '65534', '--gid', '65534', '--cap-drop', 'ALL', '--hostname', 'fn'],
      ...['--ro-bind', this.#root, '/', '--remount-ro', '/', '--chdir', '/'],
      ...['--setenv', 'MALLOC_ARENA_MAX', '1', '--setenv', 'HOME', '/', '--setenv', 'NO_COLOR', '1'],
      '/bin/launcher',
      ...runtimeArguments(limits.memoryBytesMax, '/harness.mjs'),
    ];
  }
}

class BubblewrapSandbox implements Sandbox {
  readonly id: string;
  readonly channel: Socket;
  readonly exited: Promise<SandboxExit>;
  readonly spawned: Promise<void>;
  readonly #child: ChildProcess;
  readonly #group: SandboxGroup;
  #killed = false;
  #stderr = '';

  constructor(id: string, child: ChildProcess, group: SandboxGroup) {
    this.id = id;
    this.#child = child;
    this.#group = group;
    const channel = child.stdio[3];
    if (!(channel instanceof Socket))
      throw new CordonError('CORDON_INTERNAL', 'The channel of a sandbox is not a socket.');
    this.channel = channel;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_BYTES_MAX);
    });
    this.spawned = new Promise((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => void this.#clean(code, signal).then(resolve));
      child.once('error', () => void this.#clean(null, null).then(resolve));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#killed = true;
    this.#child.kill('SIGKILL');
  }

  setMemoryLimit(memoryBytesMax: number): void {
    try {
      this.#group.setMemoryLimit(memoryBytesMax);
    } catch (cause) {
      // A limit below what is in use, or a group that is gone: it must not run without its limit.
      this.kill();
      throw new CordonError('CORDON_SANDBOX_FAILED', 'Cannot set the memory limit of a sandbox.', { cause });
    }
  }

  usage(): SandboxUsage {
    return this.#group.usage();
  }

  /** Ends what is left in the groups and removes them; only then has the sandbox exited. */
  async #clean(code: number | null, signal: NodeJS.Signals | null): Promise<SandboxExit> {
    const memory = this.#group.memoryKills() > 0;
    for (let attempt = 0; attempt < REMOVE_ATTEMPTS_MAX && !this.#group.remove(); attempt += 1) {
      for (const pid of this.#group.processes()) killQuietly(pid);
      await new Promise((resolve) => setTimeout(resolve, REMOVE_PAUSE_MS));
    }
    this.channel.destroy();
    return { reason: this.#reason(code, memory), code, signal, stderr: this.#stderr };
  }

  #reason(code: number | null, memory: boolean): ExitReason {
    if (memory) return 'memory';
    if (code === STATUS_SIGSYS) return 'syscall';
    return this.#killed ? 'killed' : 'exited';
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself in the meantime.
  }
}
