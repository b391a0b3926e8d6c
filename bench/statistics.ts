import type { Result } from './measurement.ts';

/** The nearest-rank quantile. Throws where there are no samples. */
export function quantile(samples: Iterable<number>, share: number): number {
  const sorted = Float64Array.from(samples).sort();
  const value = sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
  if (value === undefined) throw new Error('There are no samples.');
  return value;
}

export function median(samples: Iterable<number>): number {
  return quantile(samples, 0.5);
}

/** A result out of samples that each stand for one event. */
export function fromSamples(
  what: Pick<Result, 'name' | 'unit' | 'subject'>,
  samples: readonly number[],
): Result {
  return {
    ...what,
    median: median(samples),
    p90: quantile(samples, 0.9),
    p99: quantile(samples, 0.99),
    runs: samples.length,
  };
}

/** A result out of rounds that each give one number. */
export function fromRounds(
  what: Pick<Result, 'name' | 'unit' | 'subject'>,
  rounds: readonly number[],
): Result {
  return { ...what, median: median(rounds), p90: null, p99: null, runs: rounds.length };
}
