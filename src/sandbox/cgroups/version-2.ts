import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { SandboxUsage } from '../port.ts';
import {
  isProcessAlive,
  makeFolder,
  parentName,
  processesIn,
  readControl,
  readField,
  readNumber,
  removeFolder,
  removeStaleParents,
  writeControl,
} from './folder.ts';
import type { ControlGroup, ControlGroups, GroupLimits } from './port.ts';

const CPU_PERIOD_MICROS = 100_000;
const CONTROLLERS = ['memory', 'pids', 'cpu'];
/** Where this process moves to when it has to leave its group for the groups below it. */
const OWN_LEAF = 'cordon-server';

/** True when groups below `folder` can have all controllers that Cordon needs. */
export function hasControllers(folder: string): boolean {
  const available = readControl(folder, 'cgroup.controllers')?.split(' ') ?? [];
  return CONTROLLERS.every((controller) => available.includes(controller));
}

/** Gives the groups below `folder` the controllers. Errors: EBUSY while processes are in `folder` itself. */
export function enableControllers(folder: string): void {
  const enabled = readControl(folder, 'cgroup.subtree_control')?.split(' ') ?? [];
  const missing = CONTROLLERS.filter((controller) => !enabled.includes(controller));
  if (missing.length === 0) return;
  writeControl(folder, 'cgroup.subtree_control', missing.map((controller) => `+${controller}`).join(' '));
}

/**
 * Makes `folder`, the group of this process, one that has groups below it. Version 2 wants processes in
 * leaves only, so the processes of it move into a leaf. False when others than this process are in it, unless
 * `all` says that the whole group is ours.
 */
export function becomeParent(folder: string, all: boolean): boolean {
  const inside = processesIn(folder);
  if (!all && inside.some((pid) => pid !== process.pid)) return false;
  const leaf = join(folder, OWN_LEAF);
  makeFolder(leaf);
  for (const pid of inside) {
    try {
      writeControl(leaf, 'cgroup.procs', pid);
    } catch {
      // It ended, or the kernel keeps it; the next step tells whether that matters.
    }
  }
  enableControllers(folder);
  return true;
}

/** Control groups of version 2 (Documentation/admin-guide/cgroup-v2). */
export class ControlGroups2 implements ControlGroups {
  readonly version = 2;
  readonly #base: string;
  readonly #isAlive: (pid: number) => boolean;

  /** `base` is a group whose controllers are enabled for the groups below it. */
  constructor(base: string, isAlive: (pid: number) => boolean = isProcessAlive) {
    this.#base = base;
    this.#isAlive = isAlive;
  }

  create(name: string, limits: GroupLimits): ControlGroup {
    const parent = join(this.#base, parentName());
    makeFolder(parent);
    enableControllers(parent);
    const folder = join(parent, name);
    makeFolder(folder);
    const group = new ControlGroup2(folder);
    try {
      group.setMemoryLimit(limits.memoryBytesMax);
      writeIfThere(folder, 'memory.swap.max', 0);
      // All of it dies together, rather than the largest process.
      writeIfThere(folder, 'memory.oom.group', 1);
      writeControl(folder, 'pids.max', limits.pidsMax);
      writeControl(
        folder,
        'cpu.max',
        `${Math.round(limits.cpuCoresMax * CPU_PERIOD_MICROS)} ${CPU_PERIOD_MICROS}`,
      );
    } catch (thrown) {
      group.remove();
      throw thrown;
    }
    return group;
  }

  removeStale(): void {
    removeStaleParents(this.#base, this.#isAlive);
  }

  close(): void {
    removeFolder(join(this.#base, parentName()));
  }
}

class ControlGroup2 implements ControlGroup {
  readonly entrances: readonly string[];
  readonly #folder: string;
  #last: SandboxUsage = { memoryBytes: 0, cpuMicros: 0 };

  constructor(folder: string) {
    this.#folder = folder;
    this.entrances = [join(folder, 'cgroup.procs')];
  }

  setMemoryLimit(memoryBytesMax: number): void {
    writeControl(this.#folder, 'memory.max', memoryBytesMax);
  }

  usage(): SandboxUsage {
    if (readControl(this.#folder, 'memory.current') === null) return this.#last;
    this.#last = {
      memoryBytes: readNumber(this.#folder, 'memory.current'),
      cpuMicros: readField(this.#folder, 'cpu.stat', 'usage_usec'),
    };
    return this.#last;
  }

  ranOutOfMemory(): boolean {
    return readField(this.#folder, 'memory.events', 'oom_kill') > 0;
  }

  processes(): number[] {
    return processesIn(this.#folder);
  }

  remove(): boolean {
    return removeFolder(this.#folder);
  }
}

/** Swap may be compiled out, and group kills are younger than the rest. */
function writeIfThere(folder: string, file: string, value: number): void {
  if (existsSync(join(folder, file))) writeControl(folder, file, value);
}
