import { z } from 'zod';

const DURATION_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const SIZE_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

const DURATION = /^(0|[1-9][0-9]{0,8})(ms|s|m|h)$/;
const SIZE = /^(0|[1-9][0-9]{0,14})(B|KB|MB|GB|KiB|MiB|GiB|TiB)$/;

interface Range {
  /** Smallest value that is accepted, in the base unit. */
  readonly min: number;
  /** Largest value that is accepted, in the base unit. */
  readonly max: number;
}

/** A schema for a duration such as "500ms", "10s", "2m" or "1h". Output: milliseconds. `range` is in milliseconds. */
export function duration(range: Range) {
  return quantity(DURATION, DURATION_MS, range, 'a duration such as "500ms", "10s" or "2m"');
}

/** A schema for a size such as "64KiB", "10MB" or "128MiB" (KiB is 1024 bytes, KB is 1000). Output: bytes. `range` is in bytes. */
export function byteSize(range: Range) {
  return quantity(SIZE, SIZE_BYTES, range, 'a size such as "64KiB", "10MB" or "128MiB"');
}

function quantity(pattern: RegExp, units: Readonly<Record<string, number>>, range: Range, what: string) {
  // The string schema comes first, so that the JSON Schema of the input is a string with a pattern.
  return z
    .string()
    .regex(pattern, { error: `expected ${what}` })
    .transform((text, context) => {
      const [, amount = '', unit = ''] = pattern.exec(text) ?? [];
      const value = Number(amount) * (units[unit] ?? Number.NaN);
      if (value >= range.min && value <= range.max) return value;
      context.addIssue({
        code: 'custom',
        message: `expected from ${format(range.min, units)} to ${format(range.max, units)}`,
      });
      return z.NEVER;
    });
}

/** Writes a value in the largest unit that divides it. */
function format(value: number, units: Readonly<Record<string, number>>): string {
  let best = '';
  let bestFactor = 0;
  for (const [unit, factor] of Object.entries(units)) {
    if (factor > bestFactor && value % factor === 0 && value >= factor) [best, bestFactor] = [unit, factor];
  }
  return bestFactor === 0 ? `${value}` : `${value / bestFactor}${best}`;
}
