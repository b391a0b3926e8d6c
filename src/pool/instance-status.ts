import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FunctionPool } from './function-pool.ts';

export interface InstanceStatus {
  readonly id: string;
  readonly app: string;
  readonly function: string;
  readonly deployment: string;
  /** Process id of the sandbox's outermost process. */
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly requestsInFlight: number;
  readonly requestsServed: number;
  readonly memoryBytes: number;
  readonly cpuMicros: number;
}

/** Instances that are asked about in one turn of the event loop. */
const SLICE = 16;

/** Asks the kernel about each instance, in slices, so that requests go on meanwhile. */
export async function instanceStatuses(pools: readonly FunctionPool[]): Promise<InstanceStatus[]> {
  const statuses: InstanceStatus[] = [];
  for (const { deployment, fn, instances } of pools) {
    for (const instance of [...instances]) {
      if (statuses.length % SLICE === SLICE - 1) await nextTurn();
      statuses.push({
        id: instance.id,
        app: deployment.app,
        function: fn.spec.name,
        deployment: deployment.id,
        pid: instance.pid,
        startedAt: instance.startedAt,
        requestsInFlight: instance.inFlight,
        requestsServed: instance.served,
        ...instance.usage(),
      });
    }
  }
  return statuses;
}
