import type { Socket } from 'node:net';

/** What a sandbox may use. Enforced from outside, by the kernel. */
export interface SandboxLimits {
  /** Bytes of memory of the whole sandbox, heap or not, tmpfs included. */
  readonly memoryBytesMax: number;
  /** Share of one core: 1 is one core, 0.5 half of one. */
  readonly cpuCoresMax: number;
  /** Threads and processes. */
  readonly pidsMax: number;
}

export type ExitReason =
  /** The host ended it. */
  | 'killed'
  /** The kernel ended it at its memory limit, or its runtime ended itself at that of its heap. */
  | 'memory'
  /** It made a system call that the filter answers with death. */
  | 'syscall'
  /** It ended by itself. */
  | 'exited';

export interface SandboxExit {
  readonly reason: ExitReason;
  readonly code: number | null;
  readonly signal: string | null;
  /** Last bytes of its stderr, bounded, for the operator. */
  readonly stderr: string;
}

export interface SandboxUsage {
  readonly memoryBytes: number;
  readonly cpuMicros: number;
}

/** One running sandbox. It holds no name, secret or grant until the host assigns one over the channel. */
export interface Sandbox {
  readonly id: string;
  /** Process id of its outermost process, as the host sees it. */
  readonly pid: number;
  /** The host's end of the only door. */
  readonly channel: Socket;
  /** Settles once, when no process of it is left and its cgroups are gone. */
  readonly exited: Promise<SandboxExit>;
  /** SIGKILL to all of it. Safe to call twice. */
  kill(): void;
  /** Changes the memory limit, for an anonymous sandbox that is assigned a function. */
  setMemoryLimit(memoryBytesMax: number): void;
  usage(): SandboxUsage;
}

/** Something that `cordon doctor` reports: what is missing and the command that brings it. */
export interface Requirement {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** Command line to run, null where nothing is to be done or nothing can be. */
  readonly fix: string | null;
}

/**
 * The port of isolation. An adapter starts sandboxes that run the guest harness and nothing else. The
 * contract suite in `isolation.contract.ts` says what every adapter has to withstand.
 */
export interface Isolation {
  /** Name of the adapter, for banners, audit and `doctor`. */
  readonly name: string;
  /** False only for the adapter behind `--unsafe-no-sandbox`. */
  readonly confines: boolean;
  /** What this machine has and lacks. Starting needs every line `ok`. */
  requirements(): Promise<Requirement[]>;
  /** Prepares what all sandboxes share: the root, the launcher, the cgroup parents. Call once before `start`. */
  prepare(): Promise<void>;
  /** Starts one sandbox. Resolves when its process exists; it says on the channel when it is ready. */
  start(limits: SandboxLimits): Promise<Sandbox>;
  /** Kills what still runs and removes what `prepare` made for this process. */
  close(): Promise<void>;
}
