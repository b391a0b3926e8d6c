import { LIMITS } from '../../contract/index.ts';
import type { Clock } from '../../contract/index.ts';
import type { DeployedFunction, Deployment } from '../../deploy/index.ts';
import type { Evidence } from '../../evidence/index.ts';
import type { Authenticator, FailureCounter, OidcLogin, Verdict } from '../../identity/index.ts';
import type { Manifest, RateSpec, RouteSpec } from '../../manifest/index.ts';
import { checkPolicies, compilePolicies, denyAll } from '../../policy/index.ts';
import type { PolicySets, ResourceLookup } from '../../policy/index.ts';
import { ConcurrencyRules, OpenCounts, RateRules } from '../../rate/index.ts';
import type { Counters } from '../../rate/index.ts';
import { checkSchemas, routeValidator } from '../../validation/index.ts';
import type { Authenticators } from './authenticators.ts';
import { credentialsOf } from './credentials.ts';
import type { Guards, RouteGuard } from './guard.ts';
import { PolicyAccess } from './policy-access.ts';
import { compileResponsePolicy } from '../http/response-policy.ts';
import type { Received } from '../stages/stages.ts';
import type { Target } from '../routing/target.ts';

export interface RouteGuardsOptions {
  readonly project: string;
  readonly authenticators: Authenticators;
  readonly failures: FailureCounter;
  readonly counters: Counters;
  /** Reads what a route looks up. */
  readonly lookup: ResourceLookup;
  readonly evidence: Evidence;
  readonly clock: Clock;
}

/** Each login of a person asks three times: for the login, its callback and, at the end, the logout. */
const LOGIN_RATE: RateSpec = {
  count: LIMITS.loginsPerAddressMax.value,
  periodMs: 60_000,
  per: 'address',
  burst: LIMITS.loginsPerAddressMax.value,
};

/** A route with the function that it leads to. */
interface GuardedRoute {
  readonly deployment: Deployment;
  readonly fn: DeployedFunction;
  readonly route: RouteSpec;
}

/**
 * Makes what guards each route ready, at its first request: a deployed function that nobody calls costs
 * nothing. What outlives a deployment (verdicts, counts, keys of issuers) does not belong to its guard.
 */
export class RouteGuards implements Guards {
  readonly loginRate: RateRules;
  readonly #options: RouteGuardsOptions;
  readonly #guards = new WeakMap<RouteSpec, RouteGuard>();
  readonly #policies = new Map<Manifest, PolicySets>();
  readonly #open = new OpenCounts();
  #served: ReadonlySet<Manifest> = new Set();

  constructor(options: RouteGuardsOptions) {
    this.#options = options;
    const { counters, project } = options;
    this.loginRate = new RateRules(counters, [LOGIN_RATE], { project, route: 'logins' });
  }

  of(match: GuardedRoute): RouteGuard {
    const known = this.#guards.get(match.route);
    if (known !== undefined) return known;
    const made = this.#make(match);
    this.#guards.set(match.route, made);
    return made;
  }

  /**
   * Says whether everything that a manifest says of its routes can work, before it is served.
   * Errors: CORDON_AUTH_INVALID, CORDON_POLICY_INVALID, CORDON_SCHEMA_INVALID, CORDON_MANIFEST_FILE.
   */
  async check(manifest: Manifest): Promise<readonly string[]> {
    await this.#options.authenticators.check(manifest);
    await checkSchemas(manifest);
    return checkPolicies(manifest);
  }

  /** Lets go of what belongs to deployments that are not served any more. */
  retain(served: readonly Deployment[]): void {
    const manifests = new Set(served.map(({ manifest }) => manifest));
    this.#served = manifests;
    for (const [manifest, policies] of this.#policies) {
      if (manifests.has(manifest)) continue;
      this.#policies.delete(manifest);
      policies.close();
    }
    this.#options.authenticators.retain(served);
    this.#compileAhead(manifests);
  }

  /** Before a request has to wait for it, one app in each turn of the event loop. */
  #compileAhead(manifests: ReadonlySet<Manifest>): void {
    for (const manifest of manifests) {
      if (this.#policies.has(manifest) || !hasPolicies(manifest)) continue;
      setImmediate(() => {
        if (this.#served.has(manifest)) this.policiesOf(manifest);
      });
    }
  }

  /** Those of an app. What cannot be compiled, which its deploy would have refused, denies everything. */
  policiesOf(manifest: Manifest): PolicySets {
    const known = this.#policies.get(manifest);
    if (known !== undefined) return known;
    const made = compiledOrDenied(manifest);
    this.#policies.set(manifest, made);
    return made;
  }

  loginAt({ host, segments }: Target): OidcLogin | null {
    // The common case costs one comparison.
    if (segments[0] !== '.cordon') return null;
    return this.#options.authenticators.loginAt(host, segments);
  }

  authenticate(
    authenticator: Authenticator,
    received: Received,
    body: Uint8Array | null,
  ): Verdict | number | Promise<Verdict> {
    const credentials = credentialsOf(received, body);
    const refusedForMs = this.#options.failures.refusedFor(received.address);
    if (refusedForMs === 0) return authenticator.authenticate(credentials);
    const known = authenticator.known?.(credentials) ?? null;
    return known?.ok === true ? known : refusedForMs;
  }

  failed(authenticator: Authenticator, received: Received, reason: string): void {
    const { failures, evidence } = this.#options;
    const { id, address, match } = received;
    const claimed = authenticator.claimed?.(credentialsOf(received, null)) ?? null;
    for (const { by, name, failures: count, windowMs } of failures.failed(address, claimed, reason)) {
      evidence.record({
        kind: 'auth.stuffing',
        severity: 'high',
        app: match.deployment.app,
        function: match.fn.spec.name,
        instance: null,
        request: id,
        reason: `${authenticator.kind}:${authenticator.name}`,
        detail: { by, name, failures: count, windowMs },
      });
    }
  }

  #make({ deployment, fn, route }: GuardedRoute): RouteGuard {
    const { project, authenticators, counters, lookup, clock } = this.#options;
    const { manifest } = deployment;
    const methods = route.methods?.join(',') ?? '*';
    const scope = { project, route: `${deployment.app}/${fn.spec.name} ${methods} ${route.path}` };
    const named = typeof route.auth === 'string' ? null : route.auth;
    const opened = named === null ? null : authenticators.open(deployment.app, manifest, named);
    return {
      authenticator: opened?.authenticator ?? null,
      login: opened?.login ?? null,
      scopes: named?.scopes ?? [],
      access:
        route.allow === null
          ? null
          : new PolicyAccess({ route, policies: () => this.policiesOf(manifest), lookup, clock }),
      rates: route.rates.length === 0 ? null : new RateRules(counters, route.rates, scope),
      concurrency:
        route.concurrency.length === 0 ? null : new ConcurrencyRules(this.#open, route.concurrency, scope),
      validator: routeValidator(manifest, route),
      response: compileResponsePolicy(route),
    };
  }
}

function hasPolicies({ functions }: Manifest): boolean {
  return functions.some(({ routes }) => routes.some(({ allow }) => allow !== null));
}

function compiledOrDenied(manifest: Manifest): PolicySets {
  try {
    return compilePolicies(manifest);
  } catch (thrown) {
    return denyAll(String(thrown));
  }
}
