import type { Caller } from '../identity/port.ts';
import {
  METHODS,
  type AllowSpec,
  type AttributeType,
  type Attributes,
  type Manifest,
  type Method,
  type RouteAuth,
  type RouteSpec,
} from '../manifest/index.ts';

/** A route on which policies decide. */
export interface GuardedRoute {
  /** Name of the function that it runs. */
  readonly function: string;
  readonly route: RouteSpec;
  readonly allow: AllowSpec;
  /** Declared claims of its authenticator. */
  readonly claims: Attributes;
}

export type PrincipalType = 'User' | 'Key' | 'Machine' | 'Webhook' | 'Anonymous' | 'Operator';

/** The type of what a request is about where the manifest does not declare one. */
export const ROUTE_TYPE = 'Route';
const READS: ReadonlySet<string> = new Set<Method>(['GET', 'HEAD', 'OPTIONS']);

const TYPE_OF_AUTH = {
  jwt: 'User',
  oidc: 'User',
  apiKey: 'Key',
  mtls: 'Machine',
  webhook: 'Webhook',
} as const;

const TYPE_OF_CALLER = {
  user: 'User',
  key: 'Key',
  machine: 'Machine',
  webhook: 'Webhook',
  anonymous: 'Anonymous',
  control: 'Operator',
} as const satisfies Record<Caller['kind'], PrincipalType>;

/** The routes of an app that have policies, in the order of the manifest. */
export function guardedRoutes(manifest: Manifest): GuardedRoute[] {
  return manifest.functions.flatMap((fn) =>
    fn.routes.flatMap((route) => {
      const { allow, auth } = route;
      if (allow === null) return [];
      return [{ function: fn.name, route, allow, claims: claimsOf(manifest, auth) }];
    }),
  );
}

function claimsOf(manifest: Manifest, auth: RouteAuth): Readonly<Record<string, AttributeType>> {
  if (typeof auth === 'string') return {};
  if (auth.kind !== 'jwt' && auth.kind !== 'oidc') return {};
  return manifest.auth[auth.kind][auth.name]?.claims ?? {};
}

/** The only type of principal that can reach a route. */
export function principalTypeOf(auth: RouteAuth): PrincipalType {
  if (auth === 'public') return 'Anonymous';
  return auth === 'control' ? 'Operator' : TYPE_OF_AUTH[auth.kind];
}

export function principalTypeOfCaller({ kind }: Caller): PrincipalType {
  return TYPE_OF_CALLER[kind];
}

/** The type of what requests to a route are about. */
export function resourceTypeOf({ allow }: GuardedRoute): string {
  return allow.resource?.type ?? ROUTE_TYPE;
}

export function methodsOf(route: RouteSpec): readonly Method[] {
  return route.methods ?? METHODS;
}

/** Id of the action of a method on a route, such as `GET /orders/:id`. */
export function actionId(method: string, route: RouteSpec): string {
  return `${method} ${route.path}`;
}

/** Ids of the actions of which this one is a member. */
export function actionGroups(method: string, { function: name }: GuardedRoute): readonly string[] {
  return [READS.has(method) ? 'read' : 'write', name];
}

/** Names of the parameters in the path of a route. */
export function parametersOf(route: RouteSpec): readonly string[] {
  return route.path.split('/').flatMap((part) => (part.startsWith(':') ? [part.slice(1)] : []));
}
