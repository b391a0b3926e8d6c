/** What a measurement is, and what it gives back. */
import type { Workplace } from './workplace.ts';

/** One number of one subject. */
export interface Result {
  /** What was measured, the same text for every subject: `GET 100 B, 32 connections: throughput`. */
  readonly name: string;
  readonly unit:
    'requests/s' | 'operations/s' | 'events/s' | 's' | 'ms' | 'µs' | 'MB' | 'KB' | 'MB/s' | '%' | 'count';
  readonly subject: string;
  readonly median: number;
  readonly p90: number | null;
  readonly p99: number | null;
  /** Samples, or rounds where each gives one number, behind the median. */
  readonly runs: number;
}

export interface Measurement {
  /** For `--only`. */
  readonly name: string;
  readonly about: string;
  run(place: Workplace): Promise<Result[]>;
}

/** The subject that the others are compared with. */
export const CORDON = 'cordon';
