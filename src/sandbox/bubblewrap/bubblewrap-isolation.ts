import { spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { CordonError, LIMITS, newId } from '../../contract/index.ts';
import { ChildSandbox } from '../child-sandbox.ts';
import { findControlGroups, openControlGroups, readWhereabouts } from '../cgroups/find.ts';
import type { ControlGroups } from '../cgroups/port.ts';
import { findDeno, withPrelude } from '../deno.ts';
import type { DenoBinary } from '../deno.ts';
import type { Isolation, Requirement, Sandbox, SandboxLimits } from '../port.ts';
import { requireProgram } from '../programs.ts';
import { isRoot, releaseUserId, takeUserId } from '../user-ids.ts';
import { sandboxCommand } from './command.ts';
import type { Programs } from './command.ts';
import { compileFilter } from './filter.ts';
import { makeLauncher } from './launcher.ts';
import type { ResourceLimit } from './launcher.ts';
import { bubblewrapRequirements, checkRuntime } from './requirements.ts';
import { GUEST_PATHS, makeRuntimeRoot } from './runtime-root.ts';
import { syscallRules } from './syscalls.ts';

export interface BubblewrapOptions {
  /** JavaScript of the harness, one ES module without imports but those of `node:`. */
  readonly harness: string;
  /**
   * Folder of the roots of sandboxes, which every user has to be able to enter. Default
   * `/var/lib/cordon-runtime` for root, else `$XDG_DATA_HOME/cordon/runtime`.
   */
  readonly runtimeDirectory?: string;
  /** The runtime. Default: the one that is installed with Cordon. */
  readonly runtime?: DenoBinary;
}

const MIB = 1024 * 1024;
/** Far more than V8 ever reserves, and far less than would fill the address space down to the launcher. */
const ADDRESS_SPACE_BYTES_MAX = 16n * 1024n ** 4n;
const STACK_BYTES_MAX = BigInt(8 * MIB);

/** Numbers of asm-generic/resource.h. A limit on data is unusable with V8; memory is the control group's. */
const RESOURCE_LIMITS: readonly ResourceLimit[] = [
  { resource: 1, value: 0n }, // RLIMIT_FSIZE
  { resource: 3, value: STACK_BYTES_MAX }, // RLIMIT_STACK; unlimited would change how memory is laid out
  { resource: 4, value: 0n }, // RLIMIT_CORE
  { resource: 7, value: BigInt(LIMITS.instanceFilesMax.value) }, // RLIMIT_NOFILE
  { resource: 8, value: 0n }, // RLIMIT_MEMLOCK
  { resource: 9, value: ADDRESS_SPACE_BYTES_MAX }, // RLIMIT_AS
  { resource: 12, value: 0n }, // RLIMIT_MSGQUEUE
];

/** What `prepare` makes. */
interface Prepared {
  readonly root: string;
  readonly programs: Programs;
  readonly groups: ControlGroups;
}

/** Linux namespaces by bubblewrap, control groups, and the seccomp filter of the launcher. */
export function createBubblewrapIsolation(options: BubblewrapOptions): Isolation {
  return new BubblewrapIsolation(options);
}

class BubblewrapIsolation implements Isolation {
  readonly name = 'bubblewrap';
  readonly confines = true;
  readonly #options: BubblewrapOptions;
  readonly #directory: string;
  readonly #alive = new Set<Sandbox>();
  #prepared: Prepared | null = null;
  #closed = false;

  constructor(options: BubblewrapOptions) {
    this.#options = options;
    this.#directory = options.runtimeDirectory ?? defaultDirectory();
  }

  async requirements(): Promise<Requirement[]> {
    return [...(await bubblewrapRequirements()), checkRuntime(this.#options.runtime)];
  }

  async prepare(): Promise<void> {
    try {
      const programs = {
        shell: requireProgram('sh'),
        setpriv: isRoot() ? requireProgram('setpriv') : '',
        bubblewrap: requireProgram('bwrap'),
      };
      const groups = openControlGroups(findControlGroups(readWhereabouts()));
      groups.removeStale();
      const { file } = makeLauncher(GUEST_PATHS.runtime, RESOURCE_LIMITS, (exec) =>
        compileFilter(syscallRules(exec)),
      );
      const root = await makeRuntimeRoot({
        directory: this.#directory,
        binary: this.#options.runtime ?? findDeno(),
        launcher: file,
        harness: withPrelude(this.#options.harness),
      });
      this.#prepared = { root, programs, groups };
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new CordonError('CORDON_SANDBOX_UNAVAILABLE', `Cannot make sandboxes on this machine: ${why}`, {
        cause,
      });
    }
  }

  async start(limits: SandboxLimits): Promise<Sandbox> {
    const prepared = this.#prepared;
    if (prepared === null || this.#closed)
      throw new CordonError('CORDON_SANDBOX_FAILED', 'The isolation is not open.');
    const { memoryBytesMax } = limits;
    const id = newId('sbx');
    const uid = takeUserId();
    const group = this.#makeGroup(prepared.groups, id, limits, uid);
    const [file = '', ...rest] = sandboxCommand({
      ...prepared,
      entrances: group.entrances,
      uid,
      memoryBytesMax,
    });
    try {
      const child = spawn(file, rest, { cwd: '/', env: {}, stdio: ['ignore', 'ignore', 'pipe', 'pipe'] });
      await once(child, 'spawn');
      const sandbox: Sandbox = new ChildSandbox({ id, child, group, released: () => releaseUserId(uid) });
      this.#alive.add(sandbox);
      void sandbox.exited.then(() => this.#alive.delete(sandbox));
      return sandbox;
    } catch (cause) {
      if (group.remove()) releaseUserId(uid);
      throw new CordonError('CORDON_SANDBOX_FAILED', 'Cannot start the process of a sandbox.', { cause });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const exits = [...this.#alive].map((sandbox) => {
      sandbox.kill();
      return sandbox.exited;
    });
    await Promise.all(exits);
    this.#prepared?.groups.close();
  }

  #makeGroup(groups: ControlGroups, id: string, limits: SandboxLimits, uid: number) {
    try {
      return groups.create(id, limits);
    } catch (cause) {
      releaseUserId(uid);
      throw new CordonError('CORDON_SANDBOX_FAILED', 'Cannot make the control group of a sandbox.', {
        cause,
      });
    }
  }
}

/** Not inside of the data folder for root: nobody else may enter that. */
function defaultDirectory(): string {
  if (isRoot()) return '/var/lib/cordon-runtime';
  const base = process.env['XDG_DATA_HOME'];
  return join(
    base !== undefined && base !== '' ? base : join(homedir(), '.local/share'),
    'cordon',
    'runtime',
  );
}
