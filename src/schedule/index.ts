/**
 * Ticks of the clocks that a manifest asks for. Promises: each time that a schedule names becomes one event, durable
 * together with the note that it was given, so that none comes twice and none is lost whenever the process dies; what
 * was missed while it stood still is made up for as the manifest says, and what is not is said in the log; a clock
 * that is set back gives no tick again. Refuses to make up for more than its bound, and never lets one schedule wait
 * for another.
 */
export { Ticker } from './ticker.ts';
export type { TickerOptions } from './ticker.ts';
export type { Timers } from './timers.ts';
