import type { Clock } from '../../contract/index.ts';
import type { RouteSpec } from '../../manifest/index.ts';
import { resolveResource } from '../../policy/index.ts';
import type { PolicySets, ResolvedResource, ResourceLookup } from '../../policy/index.ts';
import type { AccessDecision, RouteAccess } from './guard.ts';
import { pathParameters } from '../routing/router.ts';
import type { Admitted } from '../stages/stages.ts';

export interface PolicyAccessOptions {
  readonly route: RouteSpec;
  /** Those of the app; asked for at each request, as they are compiled by the first. */
  readonly policies: () => PolicySets;
  readonly lookup: ResourceLookup;
  readonly clock: Clock;
}

/** Asks the policies of a route about a request and what it is about. */
export class PolicyAccess implements RouteAccess {
  readonly #options: PolicyAccessOptions;

  constructor(options: PolicyAccessOptions) {
    this.#options = options;
  }

  decide(request: Admitted): AccessDecision | Promise<AccessDecision> {
    const { route, lookup } = this.#options;
    const params = pathParameters(route.path, request.target.segments);
    const resolved = resolveResource(route.allow?.resource ?? null, params, lookup);
    return resolved instanceof Promise
      ? resolved.then((settled) => this.#judge(request, params, settled))
      : this.#judge(request, params, resolved);
  }

  #judge(
    { target, caller, address }: Admitted,
    params: Readonly<Record<string, string>>,
    resolved: ResolvedResource,
  ): AccessDecision {
    if (!resolved.ok) return { allowed: false, policies: [], reason: resolved.reason };
    const { route, policies, clock } = this.#options;
    const decision = policies().decide({
      route,
      method: target.method,
      params,
      path: target.path,
      caller,
      address,
      secure: target.scheme === 'https',
      now: clock.now(),
      resource: resolved.attributes,
    });
    const reason = [decision.reason, ...decision.errors].join('; ');
    return { allowed: decision.outcome === 'allow', policies: decision.policies, reason };
  }
}
