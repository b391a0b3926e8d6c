import type { Lane } from '../events/index.ts';
import type { DeployedFunction, Deployment } from '../deploy/index.ts';

/** A function as a deployment that is served has it. */
export interface ServedFunction {
  readonly deployment: Deployment;
  readonly fn: DeployedFunction;
}

/** Finds what is served now. */
export interface DeploymentDirectory {
  /**
   * The function in the deployment that is to have the next run: the live one, or the canary for its share. One that
   * `takes` refuses is passed over, as a canary may lack what the live one has. Null: none takes it.
   */
  find(app: string, fn: string, takes: (served: ServedFunction) => boolean): ServedFunction | null;
}

/** Waits as the host sees it; tests give their own. */
export interface Timers {
  /** Calls back once after `ms`, unless the function that it returns is called before. */
  after(ms: number, run: () => void): () => void;
}

/** A lane as operators see it. */
export interface LaneView {
  readonly lane: Lane;
  /** Events that wait, those in flight included. */
  readonly waiting: number;
  readonly dead: number;
  /** When the oldest event that waits was accepted, ms since the epoch; null: none waits, or it was not looked up. */
  readonly oldestAt: number | null;
}

/** A function that takes events. */
export interface FunctionView {
  readonly app: string;
  readonly function: string;
  /** Events that are being delivered to it. */
  readonly inFlight: number;
  readonly runs: number;
  /** Runs that may go on at once as things stand, and at most. */
  readonly window: number;
  readonly windowMax: number;
  readonly lanes: readonly LaneView[];
}

export interface DeliveryStatus {
  /** Events that are being delivered on this node. */
  readonly inFlight: number;
  readonly draining: boolean;
  readonly functions: readonly FunctionView[];
  /** Lanes whose events no function takes now: they are kept. */
  readonly unserved: readonly LaneView[];
}
