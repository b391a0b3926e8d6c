import { S3Error } from './errors.ts';

/** From `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const RANGE = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/;

/**
 * The part of an object that a Range asks for (RFC 9110 section 14.2); null for the whole, also where it asks
 * for several parts or cannot be read. Errors: InvalidRange.
 */
export function rangeOf(field: string | undefined, size: number): ByteRange | null {
  const match = RANGE.exec(field?.trim() ?? '');
  if (match === null) return null;
  const [, first, last = '', suffix] = match;
  if (suffix !== undefined) {
    if (Number(suffix) === 0 || size === 0) throw new S3Error('InvalidRange');
    return { start: Math.max(0, size - Number(suffix)), end: size };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return null;
  if (start >= size) throw new S3Error('InvalidRange');
  return { start, end: last === '' ? size : Math.min(size, Number(last) + 1) };
}

/** The part of a source that a part is copied from, which has to be there whole. Errors: InvalidArgument, InvalidRange. */
export function copyRangeOf(field: string | undefined, size: number): ByteRange {
  if (field === undefined) return { start: 0, end: size };
  const match = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(field);
  if (match === null) throw new S3Error('InvalidArgument', { reason: 'x-amz-copy-source-range' });
  const start = Number(match[1]);
  const end = Number(match[2]) + 1;
  if (start >= end || end > size) throw new S3Error('InvalidRange');
  return { start, end };
}
