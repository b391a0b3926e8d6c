import type { ChecksumName, Conditional, HttpMetadata, RequestedRange } from './contract.ts';

const CHECKSUM_NAMES: readonly ChecksumName[] = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'];

/** Options as code gives them, and how they go over the channel. */
export type ConditionalOption =
  | Headers
  | {
      readonly etagMatches?: string;
      readonly etagDoesNotMatch?: string;
      readonly uploadedBefore?: Date;
      readonly uploadedAfter?: Date;
      readonly secondsGranularity?: boolean;
    };
export type RangeOption =
  Headers | { readonly offset?: number; readonly length?: number; readonly suffix?: number };
export type HttpMetadataOption =
  Headers | (Omit<HttpMetadata, 'cacheExpiry'> & { readonly cacheExpiry?: Date });

export function conditionalFrom(option: ConditionalOption): Conditional {
  if (!(option instanceof Headers)) {
    const { etagMatches, etagDoesNotMatch, uploadedBefore, uploadedAfter, secondsGranularity } = option;
    return {
      etagMatches: etagMatches === undefined ? undefined : [etagMatches],
      etagDoesNotMatch: etagDoesNotMatch === undefined ? undefined : [etagDoesNotMatch],
      uploadedBefore: uploadedBefore?.getTime(),
      uploadedAfter: uploadedAfter?.getTime(),
      secondsGranularity,
    };
  }
  return {
    etagMatches: etagsOf(option.get('if-match'), false),
    etagDoesNotMatch: etagsOf(option.get('if-none-match'), true),
    uploadedBefore: timeOf(option.get('if-unmodified-since'), 1000),
    uploadedAfter: timeOf(option.get('if-modified-since'), 0),
    // HTTP dates have no fractions.
    secondsGranularity: true,
  };
}

export function rangeFrom(option: RangeOption): RequestedRange | undefined {
  if (!(option instanceof Headers)) return option as RequestedRange;
  const match = /^bytes=(\d*)-(\d*)$/.exec(option.get('range') ?? '');
  // What is no single range of bytes is ignored (RFC 9110 section 14.2).
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '') return last === '' ? undefined : { suffix: Number(last) };
  const offset = Number(first);
  if (last === '') return { offset };
  return Number(last) < offset ? undefined : { offset, length: Number(last) - offset + 1 };
}

export function httpMetadataFrom(option: HttpMetadataOption): HttpMetadata {
  if (!(option instanceof Headers)) {
    const { cacheExpiry, ...texts } = option;
    return cacheExpiry === undefined ? texts : { ...texts, cacheExpiry: cacheExpiry.getTime() };
  }
  const text = (name: string): string | undefined => option.get(name) ?? undefined;
  return {
    contentType: text('content-type'),
    contentLanguage: text('content-language'),
    contentDisposition: text('content-disposition'),
    contentEncoding: text('content-encoding'),
    cacheControl: text('cache-control'),
    cacheExpiry: timeOf(option.get('expires'), 0),
  };
}

/** In hex; null where none is given. Errors: TypeError. */
export function checksumsFrom(
  options: Readonly<Partial<Record<ChecksumName, ArrayBuffer | ArrayBufferView | string>>>,
): Partial<Record<ChecksumName, string>> | null {
  const found: Partial<Record<ChecksumName, string>> = {};
  for (const name of CHECKSUM_NAMES) {
    const value = options[name];
    if (value !== undefined) found[name] = typeof value === 'string' ? value.toLowerCase() : hexOf(value);
  }
  return Object.keys(found).length === 0 ? null : found;
}

function hexOf(value: ArrayBuffer | ArrayBufferView): string {
  const bytes =
    value instanceof ArrayBuffer
      ? new Uint8Array(value)
      : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A list of entity tags (RFC 9110 section 8.8.3). A weak one never matches strongly. */
function etagsOf(field: string | null, weakly: boolean): string[] | undefined {
  if (field === null) return undefined;
  if (field.trim() === '*') return ['*'];
  const found: string[] = [];
  for (const [, weak, etag = ''] of field.matchAll(/(W\/)?"([^"]*)"/g))
    if (weak === undefined || weakly) found.push(etag);
  return found;
}

/** `past`: what is added, as the object may have been stored within that second. */
function timeOf(field: string | null, past: number): number | undefined {
  const time = field === null ? Number.NaN : Date.parse(field);
  return Number.isNaN(time) ? undefined : time + past;
}
