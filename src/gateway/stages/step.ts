import { Refusal } from './refusal.ts';
import type { Slot } from './slot.ts';
import type { Outcome } from './stages.ts';

/**
 * Goes on to the next stage unless this one refused: at once where it decided at once, so that the ordinary
 * request waits for no turn of the event loop.
 */
export function step<T extends object, R extends object>(
  outcome: Outcome<T>,
  stage: (value: T) => Outcome<R>,
): Outcome<R> {
  if (outcome instanceof Promise) {
    return outcome.then((settled) => (settled instanceof Refusal ? settled : stage(settled)));
  }
  return outcome instanceof Refusal ? outcome : stage(outcome);
}

/** Gives the slot back where the stages behind it refuse, or fail. */
export function held<T extends object>(slot: Slot, stages: () => Outcome<T>): Outcome<T> {
  const judged = (settled: T | Refusal): T | Refusal => {
    if (settled instanceof Refusal) slot.release();
    return settled;
  };
  const failed = (thrown: unknown): never => {
    slot.release();
    throw thrown;
  };
  try {
    const outcome = stages();
    return outcome instanceof Promise ? outcome.then(judged, failed) : judged(outcome);
  } catch (thrown) {
    return failed(thrown);
  }
}
