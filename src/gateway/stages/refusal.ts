import type { ErrorCode } from '../../contract/index.ts';
import type { SecurityEventKind } from '../../evidence/index.ts';

/**
 * A stage's decision not to go on. It is a value, not an exception: refusing is the ordinary work of a
 * gateway. `reason` and `detail` are for the operator and never reach the caller.
 */
export class Refusal {
  readonly code: ErrorCode;
  /** Which rule decided, in a few words. */
  readonly reason: string;
  /** Kind of security event to record; null where the refusal is ordinary, as an unknown path. */
  readonly event: SecurityEventKind | null;
  /** Extra response fields as [name, value, …], such as Allow. */
  readonly headers: readonly string[];
  /** True where the bytes that follow on the connection cannot be trusted or are not wanted. */
  readonly closes: boolean;
  /** What the caller may know besides the code; null for nothing. */
  readonly details: Readonly<Record<string, unknown>> | null;

  constructor(
    code: ErrorCode,
    reason: string,
    options: {
      event?: SecurityEventKind;
      headers?: readonly string[];
      closes?: boolean;
      details?: Readonly<Record<string, unknown>>;
    } = {},
  ) {
    this.code = code;
    this.reason = reason;
    this.event = options.event ?? null;
    this.headers = options.headers ?? [];
    this.closes = options.closes ?? false;
    this.details = options.details ?? null;
  }
}

/** A refusal of the message itself: recorded, and the connection ends, since its framing is in doubt. */
export function malformed(reason: string): Refusal {
  return new Refusal('CORDON_REQUEST_MALFORMED', reason, { event: 'request.malformed', closes: true });
}
