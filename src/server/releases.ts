import type { Catalogue, DeployedFunction, Deployment } from '../deploy/index.ts';
import { SourceTable } from '../events/index.ts';
import type { AppRoutes, RouteGuards, RouteTable } from '../gateway/index.ts';
import type { Pool } from '../pool/index.ts';

/**
 * Follows the catalogue: the route table of this moment, instances ahead of the first request for what
 * replaces a busy deployment, and the end of instances that nothing routes to any more.
 */
export class Releases {
  readonly #catalogue: Catalogue;
  readonly #pool: Pool;
  readonly #guards: RouteGuards;
  readonly #compile: (apps: readonly AppRoutes[]) => RouteTable;
  readonly #listeners: (() => void)[] = [];
  #routes: RouteTable;
  #sources: SourceTable;

  constructor(
    catalogue: Catalogue,
    pool: Pool,
    guards: RouteGuards,
    compile: (apps: readonly AppRoutes[]) => RouteTable,
  ) {
    this.#guards = guards;
    this.#catalogue = catalogue;
    this.#pool = pool;
    this.#compile = compile;
    this.#routes = compile(catalogue.apps());
    this.#sources = sourcesOf(catalogue.apps());
    guards.retain(servedOf(catalogue.apps()));
    catalogue.onChange(() => this.#changed());
  }

  /** The routes of this moment, swapped as a whole. */
  get routes(): RouteTable {
    return this.#routes;
  }

  /** What sets functions off besides requests, of the live deployments. */
  get sources(): SourceTable {
    return this.#sources;
  }

  /** Calls back after each change of what is served. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #changed(): void {
    const apps = this.#catalogue.apps();
    this.#routes = this.#compile(apps);
    this.#sources = sourcesOf(apps);
    const served = new Map<DeployedFunction, Deployment>();
    for (const { live, canary } of apps) {
      for (const deployment of canary === null ? [live] : [live, canary]) {
        for (const fn of deployment.functions) served.set(fn, deployment);
      }
    }
    this.#pool.succeed(served);
    this.#guards.retain(servedOf(apps));
    for (const listener of this.#listeners) listener();
  }
}

function sourcesOf(apps: readonly AppRoutes[]): SourceTable {
  return SourceTable.of(apps.map(({ live }) => live.manifest));
}

/** The deployments that are served, live ones first. */
function servedOf(apps: readonly AppRoutes[]): Deployment[] {
  const canaries = apps.flatMap(({ canary }) => (canary === null ? [] : [canary]));
  return [...apps.map(({ live }) => live), ...canaries];
}
