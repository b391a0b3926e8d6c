import { LIMITS } from '../contract/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { GuestCall } from '../instance/index.ts';
import type { CallerContext } from './port.ts';

/** Records what was refused after a call was allowed, up to a number for each instance. */
export class EgressReports {
  readonly #evidence: Pick<Evidence, 'record'>;
  readonly #counts = new WeakMap<CallerContext, number>();

  constructor(evidence: Pick<Evidence, 'record'>) {
    this.#evidence = evidence;
  }

  record(
    context: CallerContext,
    call: GuestCall,
    reason: string,
    detail: Readonly<Record<string, unknown>>,
  ): void {
    const count = this.#counts.get(context) ?? 0;
    if (count >= LIMITS.egressEventsPerInstanceMax.value) return;
    this.#counts.set(context, count + 1);
    this.#evidence.record({
      kind: 'grant.denied',
      severity: 'medium',
      app: context.app,
      function: context.function,
      instance: context.instance,
      request: call.request,
      reason,
      detail: { capability: call.capability, ...detail },
    });
  }
}
