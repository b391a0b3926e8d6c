import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib';
import type { Transform } from 'node:stream';

const CODINGS_MAX = 3;
/** What the host can take apart, for `accept-encoding`. */
export const ACCEPTED_CODINGS = 'gzip, deflate, br, zstd';

/** Streams that undo a content coding (RFC 9110, 8.4), first one first. Null when one of them is unknown. */
export function decodersFor(contentEncoding: string | null): Transform[] | null {
  const codings = (contentEncoding ?? '')
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity');
  if (codings.length > CODINGS_MAX) return null;
  const decoders: Transform[] = [];
  for (const coding of codings.toReversed()) {
    const decoder = decoderFor(coding);
    if (decoder === null) return null;
    decoders.push(decoder);
  }
  return decoders;
}

/** They hand on what they have, so that events in a compressed stream are not held back. */
function decoderFor(coding: string): Transform | null {
  const zlib = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_FINISH };
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip(zlib);
    case 'deflate':
      return createInflate(zlib);
    case 'br':
      return createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH });
    case 'zstd':
      return createZstdDecompress();
    default:
      return null;
  }
}
