import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ControlGroup } from './cgroups/port.ts';
import { killProcess } from './cgroups/folder.ts';
import type { ExitReason, Sandbox, SandboxExit, SandboxUsage } from './port.ts';
import { StderrTail } from './stderr-tail.ts';

/** Time for the outermost process to report how the guest ended, once the guest has closed the channel. */
const REPORT_TIMEOUT_MS = 100;
/** Looks at a control group that is not empty yet: how often, and how long apart. */
const EMPTY_TRIES_MAX = 500;
const EMPTY_DELAY_MS = 2;
const EMPTY_DELAY_MS_MAX = 50;
const STDERR_TIMEOUT_MS = 500;
/** Index of the channel in the descriptors of the child. */
const CHANNEL = 3;
/** Exit status of bubblewrap when the guest was ended by this signal, as a shell reports it. */
const STATUS_OF_SIGNAL = 128;

/** What differs between the adapters. */
export interface ChildSandboxOptions {
  readonly id: string;
  /** Started with a pipe as stderr and as descriptor 3. */
  readonly child: ChildProcess;
  /** Null where nothing confines. */
  readonly group: ControlGroup | null;
  /** Used where there is no group. */
  readonly usage?: () => SandboxUsage;
  /** Called once nothing of it is left; not called when the kernel does not let go of a process. */
  readonly released: () => void;
}

/** A sandbox that is a child process whose descriptor 3 is the channel. */
export class ChildSandbox implements Sandbox {
  readonly id: string;
  readonly pid: number;
  readonly channel: Socket;
  readonly exited: Promise<SandboxExit>;
  readonly #options: ChildSandboxOptions;
  readonly #stderr: StderrTail;
  #wasKilled = false;
  #guestClosed = false;

  /** Errors: the child has no process. */
  constructor(options: ChildSandboxOptions) {
    const { child } = options;
    const channel = child.stdio[CHANNEL];
    if (child.pid === undefined || child.stderr === null || !(channel instanceof Socket)) {
      throw new Error('The process did not start.');
    }
    this.id = options.id;
    this.pid = child.pid;
    this.channel = channel;
    this.#options = options;
    this.#stderr = new StderrTail(child.stderr);
    for (const event of ['end', 'error'] as const) channel.on(event, () => (this.#guestClosed = true));
    this.exited = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      child.once('exit', (code, signal) => resolve([code, signal]));
    }).then(([code, signal]) => this.#settle(code, signal));
  }

  kill(): void {
    if (this.#wasKilled) return;
    this.#wasKilled = true;
    // A guest that closed the channel has probably ended, and its exit status is about to say why.
    if (this.#guestClosed) setTimeout(() => this.#killNow(), REPORT_TIMEOUT_MS).unref();
    else this.#killNow();
  }

  setMemoryLimit(memoryBytesMax: number): void {
    try {
      this.#options.group?.setMemoryLimit(memoryBytesMax);
    } catch {
      // It uses more than it may, or is gone. Running on without the limit is not a choice.
      this.kill();
    }
  }

  usage(): SandboxUsage {
    return this.#options.group?.usage() ?? this.#options.usage?.() ?? { memoryBytes: 0, cpuMicros: 0 };
  }

  #killNow(): void {
    // `kill` of the child is a no-op once it was waited for, so that a reused process id is safe.
    this.#options.child.kill('SIGKILL');
  }

  async #settle(code: number | null, signal: NodeJS.Signals | null): Promise<SandboxExit> {
    this.#stderr.hurry();
    const { group, released } = this.#options;
    const empty = group === null || (await emptied(group));
    this.usage();
    const outOfMemory = group?.ranOutOfMemory() ?? false;
    await Promise.race([this.#stderr.ended, delay(STDERR_TIMEOUT_MS, undefined, { ref: false })]);
    this.channel.destroy();
    if (empty && (group === null || (await removed(group)))) released();
    const { text } = this.#stderr;
    return { reason: this.#reason(code, signal, outOfMemory, text), code, signal, stderr: text };
  }

  #reason(
    code: number | null,
    signal: NodeJS.Signals | null,
    outOfMemory: boolean,
    stderr: string,
  ): ExitReason {
    if (outOfMemory) return 'memory';
    const { SIGSYS, SIGABRT, SIGTRAP, SIGILL, SIGSEGV } = constants.signals;
    const ended = (number: number): boolean =>
      code === STATUS_OF_SIGNAL + number || (signal !== null && constants.signals[signal] === number);
    if (ended(SIGSYS)) return 'syscall';
    // V8 ends its process when the heap is full, with a signal that depends on where it noticed; the first
    // process of a namespace does not get a SIGABRT of its own and goes on to a SIGSEGV.
    if ([SIGABRT, SIGTRAP, SIGILL, SIGSEGV].some(ended) && stderr.includes('out of memory')) return 'memory';
    // It may have ended by itself while `kill` waited for it to.
    return this.#wasKilled && signal === 'SIGKILL' ? 'killed' : 'exited';
  }
}

/** Ends what is left in the group. False when the kernel does not let go of it. */
async function emptied(group: ControlGroup): Promise<boolean> {
  for (let tries = 0; tries < EMPTY_TRIES_MAX; tries++) {
    const left = group.processes();
    if (left.length === 0) return true;
    for (const pid of left) killProcess(pid);
    await delay(Math.min(EMPTY_DELAY_MS * (tries + 1), EMPTY_DELAY_MS_MAX));
  }
  return false;
}

/** The kernel is busy with a group for a moment after its last process ended. */
async function removed(group: ControlGroup): Promise<boolean> {
  for (let tries = 0; tries < EMPTY_TRIES_MAX; tries++) {
    if (group.remove()) return true;
    await delay(Math.min(EMPTY_DELAY_MS * (tries + 1), EMPTY_DELAY_MS_MAX));
  }
  return false;
}
