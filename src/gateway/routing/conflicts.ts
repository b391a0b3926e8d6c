import type { Manifest, Method } from '../../manifest/index.ts';
import { patternSegments } from './router.ts';

/** Two routes that claim the same host, path and method. */
export interface RouteConflict {
  /** A host that both claim; null for every host that no app names. */
  readonly host: string | null;
  readonly method: Method;
  readonly app: string;
  readonly function: string;
  readonly path: string;
  readonly otherApp: string;
  readonly otherFunction: string;
  readonly otherPath: string;
}

interface Claim {
  readonly app: string;
  readonly function: string;
  readonly path: string;
}

const METHODS: readonly Method[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/**
 * Conflicts of a manifest with itself and with those of other apps (live and canary alike; manifests of the
 * same app are skipped, as it replaces them). Patterns that differ in the names of parameters are the same.
 * A caller refuses the deployment with CORDON_ROUTE_CONFLICT where the list is not empty.
 */
export function findConflicts(candidate: Manifest, others: readonly Manifest[]): RouteConflict[] {
  const claims = new Map<string, Claim>();
  for (const other of others) {
    if (other.name === candidate.name) continue;
    eachClaim(other, (key, claim) => {
      if (!claims.has(key)) claims.set(key, claim);
    });
  }
  const conflicts: RouteConflict[] = [];
  eachClaim(candidate, (key, claim, host, method) => {
    const taken = claims.get(key);
    if (taken === undefined) {
      claims.set(key, claim);
      return;
    }
    conflicts.push({
      host,
      method,
      ...claim,
      otherApp: taken.app,
      otherFunction: taken.function,
      otherPath: taken.path,
    });
  });
  return conflicts;
}

function eachClaim(
  manifest: Manifest,
  visit: (key: string, claim: Claim, host: string | null, method: Method) => void,
): void {
  for (const host of manifest.hosts.length === 0 ? [null] : new Set(manifest.hosts)) {
    for (const fn of manifest.functions) {
      for (const { path, methods } of fn.routes) {
        const shape = patternSegments(path).map((segment) => (segment.startsWith(':') ? ':' : segment));
        for (const method of new Set(methods ?? METHODS)) {
          visit(
            `${host ?? '*'} ${method} ${shape.join('/')}`,
            { app: manifest.name, function: fn.name, path },
            host,
            method,
          );
        }
      }
    }
  }
}
