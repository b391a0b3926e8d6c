import { z } from 'zod';
import type { EventOutcome } from '../channel/index.ts';
import { CordonError, LIMITS } from '../contract/index.ts';
import type { ErrorCode } from '../contract/index.ts';
import type { ClaimedEvent, Settled, Settlement } from '../events/index.ts';
import { plainText } from '../evidence/index.ts';
import type { AttemptSpec } from './lane-consumer.ts';

const SECOND_MS = 1000;

const outcomeSchema = z.strictObject({
  ok: z.boolean(),
  messages: z
    .array(
      z.union([
        z.literal(true),
        z.strictObject({ retryAfterSeconds: z.number().min(0).max(Number.MAX_SAFE_INTEGER).nullable() }),
      ]),
    )
    .optional(),
  noRetry: z.boolean().optional(),
});
type MessageOutcome = NonNullable<EventOutcome['messages']>[number];

/** How a run ended: what the handler said, or why it said nothing. */
export type RunResult =
  | { readonly kind: 'answered'; readonly outcome: EventOutcome }
  | { readonly kind: 'failed'; readonly error: CordonError };

/**
 * Reads what guest code said of `count` events. Errors: CORDON_FUNCTION_RESPONSE for what is not an outcome, or says
 * something of more events than it was given.
 */
export function readOutcome(body: Uint8Array, count: number): EventOutcome {
  const parsed = outcomeSchema.safeParse(parseJson(body));
  if (!parsed.success || (parsed.data.messages?.length ?? 0) > count)
    throw new CordonError('CORDON_FUNCTION_RESPONSE', 'The function did not say how its events ended.');
  const { ok, messages, noRetry } = parsed.data;
  return {
    ok,
    ...(messages === undefined ? {} : { messages }),
    ...(noRetry === undefined ? {} : { noRetry }),
  };
}

/** Refusals for which neither the event nor its function is to blame: the attempt does not count. */
const PLATFORM_FAULTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CORDON_OVERLOADED',
  'CORDON_DRAINING',
  'CORDON_SANDBOX_FAILED',
  'CORDON_SANDBOX_UNAVAILABLE',
  'CORDON_DEPLOYMENT_UNKNOWN',
  'CORDON_FUNCTION_UNKNOWN',
  'CORDON_OBJECT_MISSING',
  'CORDON_STORE_FAILED',
  'CORDON_KEY_UNAVAILABLE',
]);

export function isPlatformFault(result: RunResult): boolean {
  return result.kind === 'failed' && PLATFORM_FAULTS.has(result.error.code);
}

/** What becomes of each event of a run. `random` gives numbers from 0 up to 1. */
export function settle(
  events: readonly ClaimedEvent[],
  result: RunResult,
  spec: AttemptSpec,
  random: () => number,
): readonly Settled[] {
  return events.map((event, index) => ({ event, outcome: settlementOf(event, index, result, spec, random) }));
}

/** The event goes back as if it had not been taken. */
export function giveBack(event: ClaimedEvent, code: ErrorCode, afterMs: number): Settled {
  return {
    event,
    outcome: { kind: 'retry', afterMs, reason: reasonOf(new CordonError(code)), counts: false },
  };
}

/** The end of an event whose attempts are used up and whose last one never ended, as when it took the server with it. */
export function spent(event: ClaimedEvent): Settled {
  const error = new CordonError('CORDON_FUNCTION_CRASHED', 'The last attempt did not end.');
  return { event, outcome: { kind: 'dead', reason: reasonOf(error) } };
}

/**
 * Exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter", 2015): anything up to
 * `backoffMs` doubled with each attempt, at most `backoffMsMax`.
 */
export function backoffMs(spec: AttemptSpec, attempt: number, random: () => number): number {
  return Math.floor(random() * Math.min(spec.backoffMsMax, spec.backoffMs * 2 ** (attempt - 1)));
}

function settlementOf(
  event: ClaimedEvent,
  index: number,
  result: RunResult,
  spec: AttemptSpec,
  random: () => number,
): Settlement {
  if (result.kind === 'failed') {
    const reason = reasonOf(result.error);
    if (isPlatformFault(result))
      return { kind: 'retry', afterMs: LIMITS.eventPauseMs.value, reason, counts: false };
    return again(event, reason, null, spec, random);
  }
  const { ok, messages, noRetry } = result.outcome;
  const said = messages?.[index] ?? null;
  if (said === true || (said === null && ok)) return { kind: 'done' };
  const reason = reasonOf(new CordonError('CORDON_FUNCTION_ERROR', ok ? ASKED : THREW));
  if (noRetry === true && messages === undefined) return { kind: 'dead', reason };
  return again(event, reason, delayOf(said), spec, random);
}

const ASKED = 'The function asked for another attempt.';
const THREW = 'The handler threw.';

function again(
  event: ClaimedEvent,
  reason: string,
  delayMs: number | null,
  spec: AttemptSpec,
  random: () => number,
): Settlement {
  if (event.attempt >= spec.attempts) return { kind: 'dead', reason };
  const afterMs = delayMs ?? backoffMs(spec, event.attempt, random);
  return { kind: 'retry', afterMs, reason, counts: true };
}

/** The delay that guest code asked for, at most as long as a message may be delayed; null: as the source says. */
function delayOf(said: MessageOutcome | null): number | null {
  if (said === null || said === true || said.retryAfterSeconds === null) return null;
  return Math.min(Math.ceil(said.retryAfterSeconds * SECOND_MS), LIMITS.queueDelayMsMax.value);
}

function reasonOf(error: CordonError): string {
  return plainText(`${error.code}: ${error.message}`, LIMITS.eventReasonBytesMax.value);
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}
