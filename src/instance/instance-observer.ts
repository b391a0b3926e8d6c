import type { LOG_LEVELS } from '../channel/index.ts';
import type { SandboxExit } from '../sandbox/index.ts';

/** What an instance tells the pool. None of them may throw. */
export interface InstanceObserver {
  log(level: (typeof LOG_LEVELS)[number], message: string, requestId: string | null): void;
  /** A handler failed with this stack, which the guest wrote. */
  threw(stack: string, requestId: string): void;
  /** A stream ended: there is room for another. */
  available(): void;
  /** The guest broke the protocol and is being killed. */
  violated(reason: string): void;
  /** A request overran its time limit; `blocked` when the guest did not even answer a ping. */
  timedOut(requestId: string, blocked: boolean): void;
  /** The guest says that its code asked for the network, which it has not got. At most `denialReportsMax` times. */
  denied(what: string, requestId: string | null): void;
  gone(exit: SandboxExit): void;
}

/** Hears nothing: for an instance that nobody has taken yet. */
export const QUIET: InstanceObserver = {
  log() {},
  threw() {},
  available() {},
  violated() {},
  timedOut() {},
  denied() {},
  gone() {},
};
