/**
 * Limits in the gateway. Promises: a caller gets the rate and the burst of each rule and never more, on one
 * node exactly and on many through Valkey; memory is bounded whatever callers send, and nobody who owes is
 * forgotten because others come; what is open at once is counted and given back exactly once; where a
 * function, or this process, has more to do than it can, what would only wait is refused early and cheaply.
 * Refuses everyone where nobody can count and the operator said `closed`; never lets pass uncounted.
 *
 * The buckets are our own: `rate-limiter-flexible` counts in windows that start with the first request, in
 * which nearly twice the limit passes around an edge, takes from one key at a time, and sets a timer per key.
 */
export { addressGroup } from './address-group.ts';
export { ConcurrencyRules, OpenCounts } from './concurrency-rules.ts';
export type { Held, NotHeld } from './concurrency-rules.ts';
export { LoadShedder } from './load-shedder.ts';
export type { LoadShedderOptions, Overload, Slot } from './load-shedder.ts';
export type { Priority } from './adaptive-limit.ts';
export { LoopLag } from './loop-lag.ts';
export { MemoryCounters } from './memory-counters.ts';
export type { MemoryCountersOptions } from './memory-counters.ts';
export type { Ask, Bucket, Counters, Taken } from './port.ts';
export { RateRules } from './rate-rules.ts';
export type { RateVerdict } from './rate-rules.ts';
export type { RouteScope, Who } from './scope.ts';
export { ValkeyCounters } from './valkey-counters.ts';
export type { CountersFallback, ValkeyCountersOptions } from './valkey-counters.ts';
