import { parseUrlPattern } from '../../manifest/index.ts';
import type { FetchGrant, UrlPattern } from '../../manifest/index.ts';
import type { Decision } from '../port.ts';
import type { FetchRequest } from './arguments.ts';
import { matchesPattern } from './url-pattern.ts';

const DEFAULT_METHODS: readonly string[] = ['GET', 'HEAD'];
const RESOURCE_LENGTH_MAX = 256;
const HINT_PATH_LENGTH_MAX = 256;

const patterns = new WeakMap<FetchGrant, UrlPattern | null>();

export interface FoundGrant {
  readonly grant: FetchGrant;
  /** Path in the manifest. */
  readonly rule: string;
}

/** The first grant that allows the request, or the rule that fails. */
export function findGrant(
  grants: readonly FetchGrant[],
  { url, method }: Pick<FetchRequest, 'url' | 'method'>,
): FoundGrant | { readonly failed: string } {
  let failed = 'fetch.destination';
  for (const [index, grant] of grants.entries()) {
    const pattern = patternOf(grant);
    if (pattern === null || !matchesPattern(pattern, url)) continue;
    const methods: readonly string[] = grant.methods ?? DEFAULT_METHODS;
    if (methods.includes(method)) return { grant, rule: `grants.fetch[${index}]` };
    failed = 'fetch.method';
  }
  return { failed };
}

/** Judges a request that is not one at all with `null`. */
export function decideFetch(grants: readonly FetchGrant[], request: FetchRequest | null): Decision {
  if (request === null) return { outcome: 'deny', resource: 'fetch', rule: 'fetch.arguments', hint: '' };
  const resource = `fetch:${request.url.origin}`.slice(0, RESOURCE_LENGTH_MAX);
  const found = findGrant(grants, request);
  const { method: operation } = request;
  if ('grant' in found) return { outcome: 'allow', resource, rule: found.rule, hint: '', operation };
  return { outcome: 'deny', resource, rule: found.failed, hint: hintFor(request), operation };
}

/** The grant that would allow exactly this request. */
function hintFor({ url, method }: FetchRequest): string {
  const path = url.pathname.length > HINT_PATH_LENGTH_MAX ? '/*' : url.pathname;
  const methods = DEFAULT_METHODS.includes(method) ? {} : { methods: [method] };
  return `grants.fetch: [${JSON.stringify({ to: `${url.origin}${path}`, ...methods })}]`;
}

function patternOf(grant: FetchGrant): UrlPattern | null {
  let pattern = patterns.get(grant);
  if (pattern === undefined) patterns.set(grant, (pattern = parseUrlPattern(grant.to)));
  return pattern;
}
