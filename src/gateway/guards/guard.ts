import type { DeployedFunction, Deployment } from '../../deploy/index.ts';
import type { Authenticator, OidcLogin, Verdict } from '../../identity/index.ts';
import type { RouteSpec } from '../../manifest/index.ts';
import type { ConcurrencyRules, RateRules } from '../../rate/index.ts';
import type { RouteValidator } from '../../validation/index.ts';
import type { ResponsePolicy } from '../http/response-policy.ts';
import type { Admitted, Received } from '../stages/stages.ts';
import type { Target } from '../routing/target.ts';

/** Whether the policies of a route let a request through. */
export interface AccessDecision {
  readonly allowed: boolean;
  /** Ids of the policies that decided. */
  readonly policies: readonly string[];
  /** For the operator. */
  readonly reason: string;
}

/** The policies of a route. */
export interface RouteAccess {
  decide(request: Admitted): AccessDecision | Promise<AccessDecision>;
}

/** What the manifest asks of the requests of one route, made ready. Null stands for nothing asked. */
export interface RouteGuard {
  /** Null where the route is public or for operators. */
  readonly authenticator: Authenticator | null;
  /** Where a browser logs in; null where the route has no login. */
  readonly login: OidcLogin | null;
  /** Scopes that the caller has to have, all of them. */
  readonly scopes: readonly string[];
  readonly access: RouteAccess | null;
  readonly rates: RateRules | null;
  readonly concurrency: ConcurrencyRules | null;
  readonly validator: RouteValidator | null;
  readonly response: ResponsePolicy;
}

/** Makes what guards a route ready at its first request, and sees who fails to say who they are. */
export interface Guards {
  of(match: {
    readonly deployment: Deployment;
    readonly fn: DeployedFunction;
    readonly route: RouteSpec;
  }): RouteGuard;
  /** How often one address may ask for the paths of logins. */
  readonly loginRate: RateRules;
  /** The login that is served at a target by the gateway itself; null for any other target. */
  loginAt(target: Target): OidcLogin | null;
  /**
   * What the authenticator says, unless the source of the request has failed too often: then the number of
   * milliseconds for which it is refused whatever is not known already.
   */
  authenticate(
    authenticator: Authenticator,
    received: Received,
    body: Uint8Array | null,
  ): Verdict | number | Promise<Verdict>;
  /** Counts a failed authentication. */
  failed(authenticator: Authenticator, received: Received, reason: string): void;
}
