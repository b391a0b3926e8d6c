import type { Conditional } from './contract.ts';

const SECOND_MS = 1000;

/** Whether an object, or null for none, meets a condition, as R2 and RFC 9110 section 13 have it. */
export function meets(
  condition: Conditional,
  object: { readonly etag: string; readonly uploaded: number } | null,
): boolean {
  const { etagMatches, etagDoesNotMatch, uploadedBefore, uploadedAfter } = condition;
  if (object === null) return etagMatches === undefined && uploadedAfter === undefined;
  const coarse = (time: number): number =>
    condition.secondsGranularity === true ? Math.floor(time / SECOND_MS) * SECOND_MS : time;
  const uploaded = coarse(object.uploaded);
  const matches = etagMatches === undefined || names(etagMatches, object.etag);
  const differs = etagDoesNotMatch === undefined || !names(etagDoesNotMatch, object.etag);
  // An etag is stronger than a time: where it speaks, the time is not asked (RFC 9110 section 13.2.2).
  const isNewer =
    uploadedAfter === undefined ||
    uploaded > coarse(uploadedAfter) ||
    (etagDoesNotMatch !== undefined && differs);
  const isOlder =
    uploadedBefore === undefined ||
    uploaded < coarse(uploadedBefore) ||
    (etagMatches !== undefined && matches);
  return matches && differs && isNewer && isOlder;
}

function names(etags: readonly string[], etag: string): boolean {
  return etags.some((candidate) => candidate === '*' || candidate === etag);
}
