import { NO_AUTH } from './auth.ts';
import { NO_GRANTS } from './grants.ts';
import type { Grants } from './grants.ts';
import type { RouteSpec } from './route.ts';
import type { Manifest } from './schema.ts';

/** A manifest as any version of Cordon has stored it: of what came later it may know nothing. */
type Stored = Omit<Manifest, 'auth' | 'files' | 'functions'> &
  Partial<Pick<Manifest, 'auth' | 'files'>> & {
    readonly functions: readonly (Omit<Manifest['functions'][number], 'routes' | 'sources' | 'grants'> & {
      readonly grants: Partial<Grants>;
      readonly sources?: Manifest['functions'][number]['sources'];
      readonly routes: readonly (Pick<RouteSpec, 'path' | 'methods' | 'auth'> & Partial<RouteSpec>)[];
    })[];
  };

/** What a route is that says no more than its path, methods and auth. */
export const ROUTE_DEFAULTS = {
  deliver: 'request',
  allow: null,
  rates: [],
  concurrency: [],
  types: null,
  body: null,
  query: null,
  params: null,
  headers: null,
  cors: null,
  securityHeaders: {},
} satisfies Omit<RouteSpec, 'path' | 'methods' | 'auth'>;

/** Reads a resolved manifest from the JSON text in which it was stored. What it does not say has its default. */
export function readStoredManifest(text: string): Manifest {
  const stored = JSON.parse(text) as Stored;
  return {
    ...stored,
    auth: stored.auth ?? NO_AUTH,
    functions: stored.functions.map((fn) => ({
      ...fn,
      grants: { ...NO_GRANTS, ...fn.grants },
      sources: fn.sources ?? [],
      routes: fn.routes.map((route) => ({ ...ROUTE_DEFAULTS, ...route })),
    })),
    files: stored.files ?? {},
  };
}
