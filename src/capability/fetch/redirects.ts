import { CordonError, LIMITS } from '../../contract/index.ts';
import type { FetchRequest } from './arguments.ts';
import { withoutBodyFields, withoutCredentials } from './fields.ts';
import { readTarget } from './url-pattern.ts';

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** One request of a chain of redirects. */
export interface Hop extends Pick<FetchRequest, 'url' | 'method' | 'fields'> {
  /** True while it carries the body of the guest's request. */
  readonly body: boolean;
  /** How many redirects led here. */
  readonly redirects: number;
  /** True once a redirect led to another origin: the host adds nothing of its own from there on. */
  readonly foreign: boolean;
}

export function firstHop({ url, method, fields, body }: FetchRequest): Hop {
  const bodyless = method === 'GET' || method === 'HEAD';
  return { url, method, fields, body: body && !bodyless, redirects: 0, foreign: false };
}

export function isRedirect(status: number): boolean {
  return REDIRECTS.has(status);
}

/** The request that follows a redirect (Fetch, 4.4). Errors: CORDON_EGRESS_FAILED. */
export function nextHop(hop: Hop, status: number, location: string): Hop {
  if (hop.redirects >= LIMITS.egressRedirectsMax.value) throw failed('there are too many redirects');
  const target = URL.parse(location, hop.url);
  const url = target === null ? null : readTarget(target.href);
  if (url === null) throw failed('a redirect leads to a URL that cannot be requested');
  const foreign = hop.foreign || url.origin !== hop.url.origin;
  const dropsBody =
    (status === 303 && hop.method !== 'GET' && hop.method !== 'HEAD') ||
    ((status === 301 || status === 302) && hop.method === 'POST');
  const fields = url.origin === hop.url.origin ? hop.fields : withoutCredentials(hop.fields);
  return {
    url,
    method: dropsBody ? 'GET' : hop.method,
    fields: dropsBody ? withoutBodyFields(fields) : fields,
    body: hop.body && !dropsBody,
    redirects: hop.redirects + 1,
    foreign,
  };
}

function failed(why: string): CordonError {
  return new CordonError('CORDON_EGRESS_FAILED', `The request failed: ${why}.`);
}
