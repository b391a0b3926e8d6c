import type { Bucket, Taken } from './port.ts';

/*
 * Response fields of draft-ietf-httpapi-ratelimit-headers-10, which are structured fields (RFC 9651). Their
 * numbers are whole, so that times are rounded up: who waits for as long as it says is let in.
 */

/** Largest integer of a structured field (RFC 9651 section 3.3.1). */
const INTEGER_MAX = 999_999_999_999_999;

/** Value of RateLimit-Policy: the quota `q` of each window of `w` seconds, and the burst where it differs. */
export function policyField(rules: readonly { readonly name: string; readonly spec: Bucket }[]): string {
  return rules
    .map(({ name, spec: { count, periodMs, burst } }) => {
      const policy = `"${name}";q=${count};w=${seconds(periodMs)}`;
      return burst === count ? policy : `${policy};burst=${burst}`;
    })
    .join(', ');
}

/**
 * Value of RateLimit: what remains, and the seconds until it is all there again or, for who was refused,
 * until the next request may pass, which is the time that Retry-After says.
 */
export function limitField(name: string, taken: Taken): string {
  const ms = taken.allowed ? taken.resetMs : taken.retryAfterMs;
  return `"${name}";r=${taken.remaining};t=${taken.allowed ? seconds(ms) : retryAfter(ms)}`;
}

/** Value of Retry-After, in whole seconds from 1 (RFC 9110 section 10.2.3). */
export function retryAfter(ms: number): string {
  return String(Math.max(1, seconds(ms)));
}

function seconds(ms: number): number {
  return Math.min(Math.ceil(ms / 1000), INTEGER_MAX);
}
