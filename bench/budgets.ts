/** What Cordon promises about its speed and size, and whether a run has kept it. */
import { BUCKET_GET, BUCKET_GROWTH, BUCKET_PUT } from './bucket.ts';
import { coldName, DENO_PROCESS, POOL_EMPTY, WORKER_LOADER } from './cold-start.ts';
import { DIRECT, EGRESS } from './egress.ts';
import { GROWTH } from './event-backlog.ts';
import { ACCEPTED_BATCHED, TO_HANDLER } from './event-intake.ts';
import { LOG_KEYED } from './event-log.ts';
import { ACCEPTED, BEFORE, CAPACITY, KNOWN_FAILED, KNOWN_LATENCY } from './flood.ts';
import { GRANT_ALLOWED, GRANT_DENIED } from './grant-check.ts';
import { ALL_TOGETHER, PUBLIC_ROUTE, guardedName } from './gateway.ts';
import { KV_GET } from './kv.ts';
import { FIRST_INVOCATION, READY } from './lifecycle.ts';
import { CORDON, type Result } from './measurement.ts';
import { AT_REST, IDLE_INSTANCE } from './memory.ts';
import { UNDICI_PROXY, WORKERD_HELLO, warmName } from './warm.ts';

export interface Verdict {
  readonly name: string;
  /** As in `≤ 4 ms`. */
  readonly budget: string;
  /** Null when it was not measured in this run. */
  readonly value: number | null;
  readonly unit: string;
  readonly met: boolean | null;
  /** By how many percent the budget is missed; null when it is met or was not measured. */
  readonly missedByPercent: number | null;
}

interface Budget {
  readonly name: string;
  readonly unit: 'ms' | 'x' | 'µs' | 'MB' | 'MB/s' | 'events/s' | '%';
  readonly bound: { readonly atMost: number } | { readonly atLeast: number };
  readonly value: (results: readonly Result[]) => number | null;
}

type Field = 'median' | 'p99';

/** One result's number. */
function of(name: string, field: Field = 'median', subject = CORDON): Budget['value'] {
  return (results) => results.find((one) => one.name === name && one.subject === subject)?.[field] ?? null;
}

/** A number of Cordon over that of another subject, in the same run. */
function ratio(name: string, against: string, subject = CORDON): Budget['value'] {
  return (results) => {
    const own = of(name, 'median', subject)(results);
    const other = of(name, 'median', against)(results);
    return own === null || other === null ? null : own / other;
  };
}

/** By how much a number of Cordon is more than that of another subject, in the same run. */
function over(name: string, against: string): Budget['value'] {
  return (results) => {
    const own = of(name)(results);
    const other = of(name, 'median', against)(results);
    return own === null || other === null ? null : own - other;
  };
}

function atMost(name: string, limit: number, unit: Budget['unit'], value: Budget['value']): Budget {
  return { name, unit, bound: { atMost: limit }, value };
}

function atLeast(name: string, limit: number, value: Budget['value'], unit: Budget['unit'] = 'x'): Budget {
  return { name, unit, bound: { atLeast: limit }, value };
}

const LOADED = warmName('GET 100 B', 32, 'throughput');
const LOADED_CPU = warmName('GET 100 B', 32, 'CPU of the front');
const FUNCTIONS_AT_REST = 10_000;
const KB_PER_MB = 1000;

const BUDGETS: readonly Budget[] = [
  atMost('cold start, 1 KB: p50', 4, 'ms', of(coldName('tiny'))),
  atMost('cold start, 1 KB: p99', 12, 'ms', of(coldName('tiny'), 'p99')),
  atMost('cold start, hono: p50', 6, 'ms', of(coldName('hono'))),
  atMost('cold start, hono: p99', 16, 'ms', of(coldName('hono'), 'p99')),
  atMost('cold start, 1 MB: p50', 18, 'ms', of(coldName('large'))),
  atMost('cold start, 1 MB: p99', 40, 'ms', of(coldName('large'), 'p99')),
  atMost('cold start, 1 KB, over the Worker Loader', 0.3, 'x', ratio(coldName('tiny'), WORKER_LOADER)),
  atMost(
    'cold start, 1 KB, pool empty, over deno run',
    1.3,
    'x',
    ratio(coldName('tiny'), DENO_PROCESS, POOL_EMPTY),
  ),
  atLeast('throughput over the undici proxy', 0.75, ratio(LOADED, UNDICI_PROXY)),
  atLeast('throughput over raw workerd', 1.5, ratio(LOADED, WORKERD_HELLO)),
  atMost('gateway CPU of a public request', 80, 'µs', of(LOADED_CPU)),
  atMost(
    'gateway CPU, JWT, Cedar, rate and schema together',
    120,
    'µs',
    of(guardedName(ALL_TOGETHER, 'CPU of the front')),
  ),
  atLeast(
    'throughput of all together, over the public route',
    0.6,
    ratio(guardedName(ALL_TOGETHER, 'throughput'), PUBLIC_ROUTE),
  ),
  atMost('known callers in a flood: not served', 1, '%', of(KNOWN_FAILED)),
  atMost('known callers in a flood: p50 over that before it', 3, 'x', ratio(KNOWN_LATENCY, BEFORE)),
  atLeast('served in a flood, over the capacity', 0.85, ratio(ACCEPTED, CAPACITY)),
  atMost('idle, warmed instance: PSS', 16, 'MB', of(IDLE_INSTANCE)),
  atMost(`${FUNCTIONS_AT_REST} deployed functions, extrapolated`, 200, 'MB', (results) => {
    const each = of(AT_REST)(results);
    return each === null ? null : (Math.max(0, each) * FUNCTIONS_AT_REST) / KB_PER_MB;
  }),
  atMost('start of the server to ready', 1000, 'ms', of(READY)),
  atMost('start of the server to the first answer', 1500, 'ms', of(FIRST_INVOCATION)),
  atMost('kv get from guest code: p50', 150, 'µs', of(KV_GET)),
  atMost('request to the outside, over undici: p50', 150, 'µs', over(EGRESS, DIRECT)),
  atMost('grant check, allowed', 5, 'µs', of(GRANT_ALLOWED)),
  atMost('grant check, denied', 5, 'µs', of(GRANT_DENIED)),
  atLeast('bucket put of 100 MB', 300, of(BUCKET_PUT), 'MB/s'),
  atLeast('bucket get of 100 MB', 300, of(BUCKET_GET), 'MB/s'),
  atMost('bucket, 100 MB: growth of the server', 32, 'MB', of(BUCKET_GROWTH)),
  atLeast('events accepted by the log, known again by a key', 5000, of(LOG_KEYED), 'events/s'),
  atLeast('events accepted over HTTP, in batches', 5000, of(ACCEPTED_BATCHED), 'events/s'),
  atMost('event, acknowledged to its handler: p50', 15, 'ms', of(TO_HANDLER)),
  atMost('events that wait: growth of the server', 64, 'MB', of(GROWTH)),
];

/** Judges a run. A budget that is missed is said, never an error: what a machine has to spare differs. */
export function judge(results: readonly Result[]): Verdict[] {
  return BUDGETS.map(({ name, unit, bound, value }) => {
    const measured = value(results);
    const most = 'atMost' in bound;
    const limit = most ? bound.atMost : bound.atLeast;
    const met = measured === null ? null : most ? measured <= limit : measured >= limit;
    const distance = measured === null ? 0 : most ? measured / limit - 1 : 1 - measured / limit;
    return {
      name,
      budget: `${most ? '≤' : '≥'} ${limit}${unit === 'x' ? 'x' : ` ${unit}`}`,
      value: measured,
      unit,
      met,
      missedByPercent: met === false ? Math.round(distance * 100) : null,
    };
  });
}
