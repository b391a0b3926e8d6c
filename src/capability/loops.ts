import { LIMITS } from '../contract/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { GuestCall } from '../instance/index.ts';
import type { CallerContext } from './port.ts';

const counts = new WeakMap<CallerContext, number>();

/** Records that a chain of events and calls became too long in an instance, up to a number for each instance. */
export function recordLoop(
  evidence: Pick<Evidence, 'record'>,
  context: CallerContext,
  call: GuestCall,
  hops: number,
): void {
  const count = counts.get(context) ?? 0;
  if (count >= LIMITS.denialEventsPerInstanceMax.value) return;
  counts.set(context, count + 1);
  evidence.record({
    kind: 'event.loop',
    severity: 'high',
    app: context.app,
    function: context.function,
    instance: context.instance,
    request: call.request,
    reason: 'functions set each other off in a loop',
    detail: { capability: call.capability, hops },
  });
}
