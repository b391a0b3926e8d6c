import type { Catalogue } from '../deploy/index.ts';
import { CordonError } from '../contract/index.ts';
import type { ExplainedRequest } from '../control/index.ts';
import type { RouteGuards, RouteTable } from '../gateway/index.ts';
import { pathParameters } from '../gateway/index.ts';
import { explainRequest } from '../policy/index.ts';
import type { PolicyExplanation, ResourceLookup } from '../policy/index.ts';
import { matchRoute } from './find-route.ts';

export interface ExplainParts {
  readonly catalogue: Catalogue;
  readonly guards: RouteGuards;
  readonly routes: () => RouteTable;
  readonly lookup: ResourceLookup;
  readonly now: () => number;
}

/** Explains what the policies of an app's live deployment decide. Errors: see `ControlServices.explain`. */
export async function explain(
  { catalogue, guards, routes, lookup, now }: ExplainParts,
  app: string,
  request: ExplainedRequest,
): Promise<PolicyExplanation> {
  const { manifest } = catalogue.app(app).live;
  const host = request.host ?? manifest.hosts[0] ?? 'localhost';
  const found = matchRoute(routes(), request.method, host, request.path);
  if (found === null || found.match.deployment.app !== app) {
    const message = `The app ${app} has no route for ${request.method} ${request.path}.`;
    throw new CordonError('CORDON_ROUTE_UNKNOWN', message);
  }
  const { match, target } = found;
  return explainRequest({
    policies: guards.policiesOf(match.deployment.manifest),
    manifest: match.deployment.manifest,
    route: match.route,
    params: pathParameters(match.pattern, target.segments),
    path: target.path,
    described: request,
    lookup,
    now: now(),
  });
}
