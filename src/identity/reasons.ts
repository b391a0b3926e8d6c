import type { Verdict } from './port.ts';

/** Reasons that say nothing bad of a caller, whichever authenticator gives them. */
export const REASONS = {
  /** Nothing was shown. */
  missing: 'no credentials',
  /** It was good once. */
  expired: 'the credential has expired',
  /** It could not be judged. */
  unavailable: 'the credential could not be judged now',
} as const;

const UNSUSPICIOUS: ReadonlySet<string> = new Set(Object.values(REASONS));

/** False for a failure that an honest caller has as a matter of course; it is not counted against its source. */
export function isSuspicious(reason: string): boolean {
  return !UNSUSPICIOUS.has(reason);
}

export function refused(reason: string): Verdict & { readonly ok: false } {
  return { ok: false, reason };
}
