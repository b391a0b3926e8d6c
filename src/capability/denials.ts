import { LIMITS } from '../contract/index.ts';
import { plainText } from '../evidence/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { GuestCall } from '../instance/index.ts';
import type { CallerContext } from './port.ts';
import type { Redactor } from './secret/index.ts';

/**
 * Reasons that tell of an attack rather than of a grant that was forgotten. Each has a count of its own, so
 * that no flood of cheaper denials keeps it out of the records.
 */
const GRAVE: ReadonlySet<string> = new Set(['address', 'redirect', 'secret.destination', 'secret.reveal']);
/** Under which all other reasons are counted. */
const ORDINARY = '';

const counts = new WeakMap<CallerContext, Map<string, number>>();
const redactors = new WeakMap<CallerContext, Redactor>();

/** From now on what is recorded about an instance goes through its redactor: the guest chooses the names in it. */
export function redactDenials(context: CallerContext, redactor: Redactor): void {
  redactors.set(context, redactor);
}

/**
 * Records that something of an instance was refused, up to a number for each instance. Texts in `detail` may
 * be the guest's: secrets that it is granted are taken out, controls escaped, and what is long is cut.
 */
export function recordDenial(
  evidence: Pick<Evidence, 'record'>,
  context: CallerContext,
  call: GuestCall,
  reason: string,
  detail: Readonly<Record<string, unknown>>,
): void {
  const isGrave = GRAVE.has(reason);
  if (!take(context, isGrave ? reason : ORDINARY)) return;
  const redact = (text: string): string => redactors.get(context)?.redactExcerpt(text) ?? text;
  evidence.record({
    kind: 'grant.denied',
    severity: isGrave ? 'high' : 'medium',
    app: context.app,
    function: context.function,
    instance: context.instance,
    request: call.request,
    reason: redact(reason),
    detail: cleaned({ capability: call.capability, ...detail }, redact),
  });
}

/** False when enough of this kind was recorded. */
function take(context: CallerContext, kind: string): boolean {
  const known = counts.get(context) ?? new Map<string, number>();
  counts.set(context, known);
  const count = known.get(kind) ?? 0;
  if (count >= LIMITS.denialEventsPerInstanceMax.value) return false;
  known.set(kind, count + 1);
  return true;
}

function cleaned(
  detail: Readonly<Record<string, unknown>>,
  redact: (text: string) => string,
): Record<string, unknown> {
  const entries = Object.entries(detail).map(([name, value]) => {
    if (typeof value !== 'string') return [name, value] as const;
    return [name, plainText(redact(value), LIMITS.denialTextBytesMax.value)] as const;
  });
  return Object.fromEntries(entries);
}
