import type { SandboxUsage } from '../port.ts';

export interface GroupLimits {
  readonly memoryBytesMax: number;
  /** Share of one core. */
  readonly cpuCoresMax: number;
  /** Threads and processes. */
  readonly pidsMax: number;
}

/** The control group of one sandbox. */
export interface ControlGroup {
  /** Files into which a process writes `0` to enter the group, one for each hierarchy. */
  readonly entrances: readonly string[];
  /** Errors: those of the file system, when the kernel does not take the limit. */
  setMemoryLimit(memoryBytesMax: number): void;
  /** What it uses now; the last known figures once it is gone. */
  usage(): SandboxUsage;
  /** True once the kernel ended a process of it because of its memory limit. */
  ranOutOfMemory(): boolean;
  /** Process ids in it. Empty when it is gone. */
  processes(): number[];
  /** Removes it. False when the kernel keeps it, because something is still in it. */
  remove(): boolean;
}

/** A hierarchy of control groups in which this process makes one group for each sandbox. */
export interface ControlGroups {
  readonly version: 1 | 2;
  /** Makes a group with these limits. Errors: those of the file system. */
  create(name: string, limits: GroupLimits): ControlGroup;
  /** Ends and removes what servers that are gone have left. */
  removeStale(): void;
  /** Removes the parent of the groups of this process, when it is empty. */
  close(): void;
}
