import { CordonError, LIMITS } from '../contract/index.ts';
import { S3Error } from './errors.ts';
import type { S3Answer } from './port.ts';

const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'];
const MAX_AGE_S = 3600;
const EXPOSED =
  'ETag, Content-Range, x-amz-request-id, x-amz-checksum-crc32, x-amz-checksum-crc32c, x-amz-checksum-crc64nvme, x-amz-checksum-sha1, x-amz-checksum-sha256';
/** What a page may send: what operations understand, and what signs it. */
const REQUESTED =
  /^(?:authorization|content-(?:type|md5|disposition|encoding|language)|cache-control|expires|range|if-[a-z-]+|x-amz-[a-z0-9-]+|amz-sdk-[a-z-]+)$/;

/** The pages that may use the endpoint. Without an origin that is named, a browser keeps every answer from its page. */
export class CorsRules {
  readonly #origins: ReadonlySet<string>;

  /** Errors: CORDON_USAGE for what is no origin, as `https://example.org`. */
  constructor(origins: readonly string[]) {
    for (const origin of origins)
      if (URL.parse(origin)?.origin !== origin)
        throw new CordonError('CORDON_USAGE', `Cannot let pages of ${origin} in: it is not an origin.`);
    if (origins.length > LIMITS.s3OriginsMax.value)
      throw new CordonError('CORDON_USAGE', `At most ${LIMITS.s3OriginsMax.value} origins can be named.`);
    this.#origins = new Set(origins);
  }

  /** The fields that every answer to a request from a page has. */
  fieldsFor(origin: string | undefined): Record<string, string> {
    if (this.#origins.size === 0) return {};
    if (origin === undefined || !this.#origins.has(origin)) return { vary: 'Origin' };
    return {
      vary: 'Origin',
      'access-control-allow-origin': origin,
      'access-control-expose-headers': EXPOSED,
    };
  }

  /** Answers a preflight (Fetch, section 3.2.2). It starts nothing and needs no key. Errors: AccessDenied. */
  preflight(fields: ReadonlyMap<string, string>): S3Answer {
    const origin = fields.get('origin');
    const method = fields.get('access-control-request-method') ?? '';
    const names = (fields.get('access-control-request-headers') ?? '')
      .split(',')
      .map((name) => name.trim().toLowerCase())
      .filter((name) => name !== '');
    const isAllowed =
      origin !== undefined &&
      this.#origins.has(origin) &&
      METHODS.includes(method) &&
      names.every((name) => REQUESTED.test(name));
    if (!isAllowed) throw new S3Error('AccessDenied', { reason: 'a page of an origin that is not named' });
    return {
      status: 204,
      fields: {
        'access-control-allow-methods': METHODS.join(', '),
        ...(names.length === 0 ? {} : { 'access-control-allow-headers': names.join(', ') }),
        'access-control-max-age': MAX_AGE_S,
      },
      body: null,
    };
  }
}
