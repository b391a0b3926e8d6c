import { CordonError, systemClock, type Clock } from '../contract/index.ts';
import { findSourceConflicts } from '../events/index.ts';
import type { Manifest } from '../manifest/index.ts';
import type { Store } from '../store/index.ts';
import type { TextSealer } from '../vault/index.ts';
import { Deployments, type Stored } from './deployments.ts';
import type { Alias, Deployment } from './port.ts';

/** A route that two apps claim. */
export interface RouteClash {
  readonly host: string | null;
  readonly method: string;
  readonly path: string;
  readonly function: string;
  readonly otherApp: string;
  readonly otherFunction: string;
  readonly otherPath: string;
}

/** Routes of a manifest that others have already. The manifests of its own app are among the others and count for nothing. */
export type FindConflicts = (candidate: Manifest, others: readonly Manifest[]) => readonly RouteClash[];

/** An app with what it serves. */
export interface ServedApp {
  readonly alias: Alias;
  readonly live: Deployment;
  readonly canary: Deployment | null;
}

export interface CatalogueOptions {
  readonly store: Store;
  /** Seals deployments. Without it they stand in the clear. */
  readonly sealer?: TextSealer;
  readonly findConflicts: FindConflicts;
  readonly clock?: Clock;
}

const PERCENT_MAX = 100;

/**
 * Which deployments are served. What the routing table needs is in memory: the live deployment of each app
 * and its canary; all others stay in the store. Changes come one at a time, are durable before they are
 * seen, and none makes two apps claim one route, queue or bucket.
 */
export class Catalogue {
  readonly #deployments: Deployments;
  readonly #findConflicts: FindConflicts;
  readonly #clock: Clock;
  readonly #served = new Map<string, ServedApp>();
  readonly #listeners = new Set<() => void>();
  #snapshot: readonly ServedApp[] | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  /** Use `Catalogue.open`. */
  private constructor(options: CatalogueOptions, deployments: Deployments) {
    this.#deployments = deployments;
    this.#findConflicts = options.findConflicts;
    this.#clock = options.clock ?? systemClock;
  }

  static async open(options: CatalogueOptions): Promise<Catalogue> {
    const deployments = new Deployments(options.store, options.sealer);
    const catalogue = new Catalogue(options, deployments);
    const aliases = await deployments.aliases();
    const ids = aliases.flatMap(({ live, canary }) => (canary === null ? [live] : [live, canary.deployment]));
    const found = await deployments.getAll([...new Set(ids)]);
    for (const alias of aliases) {
      const live = found.get(alias.live);
      const canary = alias.canary === null ? null : found.get(alias.canary.deployment);
      if (live === undefined || canary === undefined) {
        throw new CordonError(
          'CORDON_STORE_FAILED',
          `The app ${alias.app} serves a deployment that the store does not have.`,
        );
      }
      catalogue.#served.set(alias.app, { alias, live, canary });
    }
    return catalogue;
  }

  /** Every app with what it serves, by name. The same array until something changes. */
  apps(): readonly ServedApp[] {
    return (this.#snapshot ??= [...this.#served.values()].toSorted((a, b) =>
      a.alias.app < b.alias.app ? -1 : 1,
    ));
  }

  /** Errors: CORDON_APP_UNKNOWN. */
  app(name: string): ServedApp {
    const served = this.#served.get(name);
    if (served === undefined)
      throw new CordonError('CORDON_APP_UNKNOWN', `There is no app named ${JSON.stringify(name)}.`);
    return served;
  }

  /** Calls back after each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Deployments of an app, newest first, at most 200. Errors: CORDON_APP_UNKNOWN. */
  async deployments(app: string): Promise<Deployment[]> {
    this.app(app);
    return this.#deployments.list(app);
  }

  /** Errors: CORDON_APP_UNKNOWN, CORDON_DEPLOYMENT_UNKNOWN. */
  async deployment(app: string, id: string): Promise<Deployment> {
    const { live, canary } = this.app(app);
    if (live.id === id) return live;
    if (canary?.id === id) return canary;
    return this.#ofApp(app, id);
  }

  /** A deployment with this id, whoever serves it, with the runtime of its code caches. Null: there is none. */
  find(id: string): Promise<Stored | null> {
    return this.#deployments.get(id);
  }

  /**
   * Adds a deployment where it is new, and serves it: to everyone, or for `canary` percent of the requests.
   * One commit. Errors: CORDON_ROUTE_CONFLICT, CORDON_SOURCE_CONFLICT, CORDON_CANARY_INVALID.
   */
  publish(
    stored: Stored,
    canary: number | null,
  ): Promise<{ readonly alias: Alias; readonly unchanged: boolean }> {
    const { deployment } = stored;
    return this.#exclusive(async () => {
      const before = this.#served.get(deployment.app) ?? null;
      if (canary === null) {
        const isLive = before?.live.id === deployment.id;
        const previous = isLive ? before.alias.previous : (before?.live.id ?? null);
        const next = {
          alias: { app: deployment.app, live: deployment.id, canary: null, previous },
          live: deployment,
          canary: null,
        };
        return { alias: await this.#move(before, next, stored), unchanged: isLive && before.canary === null };
      }
      if (before === null) throw canaryInvalid('a new app has no live deployment to share the requests with');
      if (before.live.id === deployment.id) return { alias: before.alias, unchanged: true };
      const next = this.#withCanary(before, deployment, canary);
      const unchanged =
        before.alias.canary?.deployment === deployment.id && before.alias.canary.percent === canary;
      return { alias: await this.#move(before, next, stored), unchanged };
    });
  }

  /** Makes `to` live, or the previous deployment for null; a canary ends. Errors: CORDON_APP_UNKNOWN, CORDON_DEPLOYMENT_UNKNOWN, CORDON_ROUTE_CONFLICT, CORDON_SOURCE_CONFLICT. */
  rollback(app: string, to: string | null): Promise<Alias> {
    return this.#exclusive(async () => {
      const before = this.app(app);
      const id = to ?? before.alias.previous;
      if (id === null) {
        throw new CordonError(
          'CORDON_DEPLOYMENT_UNKNOWN',
          `The app ${app} has had no other live deployment to go back to.`,
        );
      }
      const live = await this.deployment(app, id);
      const previous = live.id === before.live.id ? before.alias.previous : before.live.id;
      return this.#move(
        before,
        { alias: { app, live: live.id, canary: null, previous }, live, canary: null },
        null,
      );
    });
  }

  /** Serves a deployment for `percent` of the requests, from 0 to 100. Errors: CORDON_APP_UNKNOWN, CORDON_DEPLOYMENT_UNKNOWN, CORDON_CANARY_INVALID, CORDON_ROUTE_CONFLICT, CORDON_SOURCE_CONFLICT. */
  setCanary(app: string, deployment: string, percent: number): Promise<Alias> {
    return this.#exclusive(async () => {
      const before = this.app(app);
      return this.#move(
        before,
        this.#withCanary(before, await this.deployment(app, deployment), percent),
        null,
      );
    });
  }

  /** Ends the canary, where there is one. Errors: CORDON_APP_UNKNOWN. */
  clearCanary(app: string): Promise<Alias> {
    return this.#exclusive(async () => {
      const before = this.app(app);
      if (before.canary === null) return before.alias;
      return this.#move(before, { ...before, alias: { ...before.alias, canary: null }, canary: null }, null);
    });
  }

  /** Makes the canary live. Errors: CORDON_APP_UNKNOWN, CORDON_CANARY_INVALID where there is none. */
  promoteCanary(app: string): Promise<Alias> {
    return this.#exclusive(async () => {
      const before = this.app(app);
      if (before.canary === null) throw canaryInvalid('the app has no canary');
      const alias: Alias = { app, live: before.canary.id, canary: null, previous: before.live.id };
      return this.#move(before, { alias, live: before.canary, canary: null }, null);
    });
  }

  #withCanary(before: ServedApp, canary: Deployment, percent: number): ServedApp {
    if (!Number.isInteger(percent) || percent < 0 || percent > PERCENT_MAX) {
      throw canaryInvalid(`${percent} is not a whole number of percent from 0 to 100`);
    }
    if (canary.id === before.live.id) throw canaryInvalid('the deployment is live already');
    return { ...before, alias: { ...before.alias, canary: { deployment: canary.id, percent } }, canary };
  }

  async #move(before: ServedApp | null, next: ServedApp, added: Stored | null): Promise<Alias> {
    this.#refuseConflicts(next.live.manifest);
    if (next.canary !== null) this.#refuseConflicts(next.canary.manifest);
    await this.#deployments.commit(before?.alias ?? null, next.alias, this.#clock.now(), added);
    this.#served.set(next.alias.app, next);
    this.#snapshot = null;
    for (const listener of this.#listeners) listener();
    return next.alias;
  }

  #refuseConflicts(candidate: Manifest): void {
    const others = this.apps().flatMap(({ live, canary }) =>
      canary === null ? [live.manifest] : [live.manifest, canary.manifest],
    );
    const conflicts = this.#findConflicts(candidate, others);
    const [first] = conflicts;
    if (first !== undefined) {
      throw new CordonError(
        'CORDON_ROUTE_CONFLICT',
        `Cannot serve ${first.method} ${first.path} with ${candidate.name}/${first.function}: ${first.otherApp}/${first.otherFunction} serves ${first.otherPath} on ${first.host ?? 'every host'} already.`,
        { details: { conflicts } },
      );
    }
    refuseSourceConflicts(candidate, others);
  }

  async #ofApp(app: string, id: string): Promise<Deployment> {
    const stored = await this.#deployments.get(id);
    if (stored?.deployment.app !== app) {
      throw new CordonError(
        'CORDON_DEPLOYMENT_UNKNOWN',
        `The app ${app} has no deployment ${JSON.stringify(id.slice(0, 64))}.`,
      );
    }
    return stored.deployment;
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work, work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}

function refuseSourceConflicts(candidate: Manifest, others: readonly Manifest[]): void {
  const conflicts = findSourceConflicts(candidate, others);
  const [first] = conflicts;
  if (first === undefined) return;
  throw new CordonError(
    'CORDON_SOURCE_CONFLICT',
    `Cannot run ${candidate.name}/${first.function} by the ${first.kind} ${first.name}: ${first.otherApp}/${first.otherFunction} is run by it already.`,
    { details: { conflicts } },
  );
}

function canaryInvalid(reason: string): CordonError {
  return new CordonError('CORDON_CANARY_INVALID', `The canary cannot be set: ${reason}.`, {
    details: { reason },
  });
}
