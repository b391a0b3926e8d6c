/** Close codes of RFC 6455 section 7.4.1 that the gateway sends or tells apart. */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  noStatus: 1005,
  abnormal: 1006,
  policy: 1008,
  tooBig: 1009,
  failed: 1011,
  overloaded: 1013,
} as const;

const REASON_BYTES_MAX = 123;

/** Close codes that may be sent (RFC 6455 section 7.4); those that only describe become a plain close. */
export function sendableCode(code: number): number {
  if (code === CLOSE.noStatus || code === CLOSE.abnormal) return CLOSE.normal;
  const defined = code >= 1000 && code <= 1014 && code !== 1004;
  return defined || (code >= 3000 && code <= 4999) ? code : CLOSE.failed;
}

/** Cuts a close reason to what a close frame holds, between characters. */
export function cutReason(reason: string): string {
  let cut = reason;
  while (Buffer.byteLength(cut) > REASON_BYTES_MAX) cut = cut.slice(0, -1);
  return cut;
}
