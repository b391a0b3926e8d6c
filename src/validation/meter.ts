import { LIMITS } from '../contract/index.ts';

/**
 * The steps that the check that runs may still take. A schema can make checking exponential in the depth of
 * what is checked (`anyOf` of references to itself), and whoever deployed it may be whoever sends the
 * request. So every subschema that is tried, every character that is matched and every key that is looked
 * at is paid for. One for all: a check runs in one go.
 */
export const meter = { left: 0 };

/** Thrown where a check has used up its steps. */
export const EXHAUSTED = new Error('The steps of this check are used up.');

/** Starts the count for one check. */
export function resetMeter(): void {
  meter.left = LIMITS.validationStepsMax.value;
}

/** Pays for work. One step is about 50 ns. */
export function charge(steps: number): void {
  meter.left -= steps;
  if (meter.left < 0) throw EXHAUSTED;
}
