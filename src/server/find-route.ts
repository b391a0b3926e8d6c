import type { FunctionRef } from '../deploy/index.ts';
import { parseTarget } from '../gateway/index.ts';
import type { RouteMatch, RouteTable, Target } from '../gateway/index.ts';
import { LIMITS } from '../contract/index.ts';

/** A draw that no canary takes. */
const LIVE_DRAW = 99.999;

/** The route that a request would take, by the gateway's own parser and routes; null where there is none. */
export function matchRoute(
  routes: RouteTable,
  method: string,
  host: string,
  path: string,
): { readonly match: RouteMatch; readonly target: Target } | null {
  const target = parseTarget({
    method,
    scheme: 'http',
    host,
    target: path,
    urlBytesMax: LIMITS.urlBytesMax.value,
  });
  if (!('segments' in target)) return null;
  const match = routes.match(target, LIVE_DRAW);
  return match.kind === 'match' ? { match, target } : null;
}

/** The function that a request would reach; null where there is none. */
export function findRoute(
  routes: RouteTable,
  method: string,
  host: string,
  path: string,
): FunctionRef | null {
  const found = matchRoute(routes, method, host, path);
  if (found === null) return null;
  return { app: found.match.deployment.app, function: found.match.fn.spec.name };
}
