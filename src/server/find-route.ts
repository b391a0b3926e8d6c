import type { FunctionRef } from '../deploy/index.ts';
import { parseTarget } from '../gateway/index.ts';
import type { RouteTable } from '../gateway/index.ts';
import { LIMITS } from '../contract/index.ts';

/** A draw that no canary takes. */
const LIVE_DRAW = 99.999;

/** The function that a request would reach, by the gateway's own parser and routes; null where there is none. */
export function findRoute(
  routes: RouteTable,
  method: string,
  host: string,
  path: string,
): FunctionRef | null {
  const target = parseTarget({
    method,
    scheme: 'http',
    host,
    target: path,
    urlBytesMax: LIMITS.urlBytesMax.value,
  });
  if (!('segments' in target)) return null;
  const found = routes.match(target, LIVE_DRAW);
  return found.kind === 'match' ? { app: found.deployment.app, function: found.fn.spec.name } : null;
}
