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
const NANOS_PER_MICRO = 1000;

/** Folder of this process in each hierarchy that Cordon needs. Two of them may be the same. */
export type Hierarchies = Readonly<Record<'memory' | 'pids' | 'cpu' | 'cpuacct', string>>;

/** Control groups of version 1 (Documentation/admin-guide/cgroup-v1). */
export class ControlGroups1 implements ControlGroups {
  readonly version = 1;
  readonly #bases: Hierarchies;
  readonly #isAlive: (pid: number) => boolean;

  constructor(bases: Hierarchies, isAlive: (pid: number) => boolean = isProcessAlive) {
    this.#bases = bases;
    this.#isAlive = isAlive;
  }

  create(name: string, limits: GroupLimits): ControlGroup {
    const folders: Hierarchies = {
      memory: this.#make(this.#bases.memory, name),
      pids: this.#make(this.#bases.pids, name),
      cpu: this.#make(this.#bases.cpu, name),
      cpuacct: this.#make(this.#bases.cpuacct, name),
    };
    const group = new ControlGroup1(folders);
    try {
      group.setMemoryLimit(limits.memoryBytesMax);
      writeControl(folders.pids, 'pids.max', limits.pidsMax);
      writeControl(folders.cpu, 'cpu.cfs_period_us', CPU_PERIOD_MICROS);
      writeControl(folders.cpu, 'cpu.cfs_quota_us', Math.round(limits.cpuCoresMax * CPU_PERIOD_MICROS));
    } catch (thrown) {
      group.remove();
      throw thrown;
    }
    return group;
  }

  removeStale(): void {
    for (const base of new Set(Object.values(this.#bases))) removeStaleParents(base, this.#isAlive);
  }

  close(): void {
    for (const base of new Set(Object.values(this.#bases))) removeFolder(join(base, parentName()));
  }

  #make(base: string, name: string): string {
    const parent = join(base, parentName());
    makeFolder(parent);
    const folder = join(parent, name);
    makeFolder(folder);
    return folder;
  }
}

class ControlGroup1 implements ControlGroup {
  readonly entrances: readonly string[];
  readonly #folders: Hierarchies;
  /** Swap counts too where the kernel can count it. */
  readonly #countsSwap: boolean;
  #last: SandboxUsage = { memoryBytes: 0, cpuMicros: 0 };

  constructor(folders: Hierarchies) {
    this.#folders = folders;
    this.#countsSwap = existsSync(join(folders.memory, 'memory.memsw.limit_in_bytes'));
    this.entrances = this.#all().map((folder) => join(folder, 'cgroup.procs'));
  }

  setMemoryLimit(memoryBytesMax: number): void {
    const { memory } = this.#folders;
    const set = (file: string): void => writeControl(memory, file, memoryBytesMax);
    // The limit with swap may never be below the one without, so the order depends on the direction.
    const files = ['memory.limit_in_bytes', ...(this.#countsSwap ? ['memory.memsw.limit_in_bytes'] : [])];
    const raises = memoryBytesMax > readNumber(memory, 'memory.limit_in_bytes');
    for (const file of raises ? files.toReversed() : files) set(file);
  }

  usage(): SandboxUsage {
    const { memory, cpuacct } = this.#folders;
    if (readControl(memory, 'memory.usage_in_bytes') === null) return this.#last;
    this.#last = {
      memoryBytes: readNumber(memory, 'memory.usage_in_bytes'),
      cpuMicros: Math.round(readNumber(cpuacct, 'cpuacct.usage') / NANOS_PER_MICRO),
    };
    return this.#last;
  }

  ranOutOfMemory(): boolean {
    return readField(this.#folders.memory, 'memory.oom_control', 'oom_kill') > 0;
  }

  processes(): number[] {
    return processesIn(this.#folders.pids);
  }

  remove(): boolean {
    return this.#all().every((folder) => removeFolder(folder));
  }

  #all(): string[] {
    return [...new Set(Object.values(this.#folders))];
  }
}
