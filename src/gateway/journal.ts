import type { Clock, ErrorCode } from '../contract/index.ts';
import { ERRORS, LIMITS } from '../contract/index.ts';
import type { Evidence, SecurityEventKind } from '../evidence/index.ts';
import type { Refusal } from './stages/refusal.ts';
import type { RouteMatch } from './routing/router.ts';

/** What the journal says about a request that ended. */
export interface Served {
  readonly id: string;
  readonly match: RouteMatch;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
  readonly instance: string | null;
  /** Null where the function answered. */
  readonly failure: ErrorCode | null;
  /** For the operator; empty where nothing is to be said. */
  readonly detail: string;
}

interface Bucket {
  tokens: number;
  /** Monotonic milliseconds of the last refill. */
  at: number;
  suppressed: number;
}

const BURST_SECONDS = 5;
const LINES_PER_SECOND_MAX = LIMITS.accessLinesPerSecondMax.value;
const DEPLOYMENT_CHARACTERS = 12;
const UNROUTED = { app: '', function: '', deployment: '', instance: null } as const;

/**
 * Writes what the gateway did: one line a request that failed, and one a request that was served or refused
 * up to a rate per function and kind, with a count of what was left out, so that neither a flood nor a busy
 * function can push out other evidence.
 * Queries are never written: they carry secrets more often than not.
 */
export class Journal {
  readonly #evidence: Evidence;
  readonly #clock: Clock;
  readonly #perSecondMax: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(evidence: Evidence, clock: Clock, perSecondMax: number) {
    this.#evidence = evidence;
    this.#clock = clock;
    this.#perSecondMax = perSecondMax;
  }

  served(request: Served): void {
    const { deployment, fn } = request.match;
    const left =
      request.failure === null
        ? this.#take(`served ${deployment.app}/${fn.spec.name}`, LINES_PER_SECOND_MAX)
        : 0;
    if (left === null) return;
    const failure = request.failure === null ? '' : ` ${request.failure}`;
    const detail = request.detail === '' ? '' : ` ${request.detail}`;
    const ms = Math.round(request.ms * 10) / 10;
    this.#evidence.log({
      level: levelOf(request.failure),
      source: 'platform',
      app: deployment.app,
      function: fn.spec.name,
      deployment: deployment.id.slice(0, DEPLOYMENT_CHARACTERS),
      instance: request.instance,
      request: request.id,
      message: `${request.method} ${request.path} ${request.status} ${ms}ms${failure}${detail}${leftOut(left)}`,
    });
  }

  /** A request that a stage refused; `match` where it had a route by then. */
  refused(refusal: Refusal, id: string, address: string, match: RouteMatch | null, what: string): void {
    if (refusal.event !== null)
      this.event(refusal.event, refusal.code, { id, address, match, detail: refusal.reason });
    const suppressed = this.#take(`log ${match === null ? '' : match.deployment.app}`);
    if (suppressed === null) return;
    const { deployment, fn } = match ?? { deployment: null, fn: null };
    const place =
      deployment === null || fn === null
        ? UNROUTED
        : {
            app: deployment.app,
            function: fn.spec.name,
            deployment: deployment.id.slice(0, DEPLOYMENT_CHARACTERS),
            instance: null,
          };
    this.#evidence.log({
      ...place,
      level: levelOf(refusal.code),
      source: 'platform',
      request: id,
      message: `${what} ${ERRORS[refusal.code].status} ${refusal.code} ${refusal.reason}${leftOut(suppressed)}`,
    });
  }

  /** Records a security event, unless its kind has had its share of this second. */
  event(
    kind: SecurityEventKind,
    reason: string,
    about: {
      readonly id: string | null;
      readonly address: string;
      readonly match: RouteMatch | null;
      readonly detail: string;
    },
  ): void {
    const suppressed = this.#take(kind);
    if (suppressed === null) return;
    this.#evidence.record({
      kind,
      severity: kind === 'auth.failed' ? 'medium' : 'low',
      app: about.match?.deployment.app ?? null,
      function: about.match?.fn.spec.name ?? null,
      instance: null,
      request: about.id,
      reason,
      detail: { address: about.address, rule: about.detail, suppressed },
    });
  }

  /** Number suppressed since the last one that was let through, or null where this one is suppressed. */
  #take(key: string, perSecondMax = this.#perSecondMax): number | null {
    const now = this.#clock.monotonic();
    const burst = perSecondMax * BURST_SECONDS;
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) this.#buckets.set(key, (bucket = { tokens: burst, at: now, suppressed: 0 }));
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecondMax);
    bucket.at = now;
    if (bucket.tokens < 1) {
      bucket.suppressed += 1;
      return null;
    }
    bucket.tokens -= 1;
    const { suppressed } = bucket;
    bucket.suppressed = 0;
    return suppressed;
  }
}

function leftOut(lines: number): string {
  return lines === 0 ? '' : ` (${lines} lines left out before)`;
}

function levelOf(failure: ErrorCode | null): 'info' | 'warn' | 'error' {
  if (failure === null) return 'info';
  return ERRORS[failure].fault === 'caller' ? 'warn' : 'error';
}
