import type { ServedApp } from '../deploy/index.ts';
import type { DeploymentDirectory, ServedFunction } from './port.ts';

const PERCENT = 100;

/** The deployments of a catalogue; a canary has its percentage of the runs. */
export class ServedDeployments implements DeploymentDirectory {
  readonly #apps: () => readonly ServedApp[];
  readonly #random: () => number;
  #indexed: readonly ServedApp[] = [];
  #byName: ReadonlyMap<string, ServedApp> = new Map();

  /** `apps` as of now; `random` gives numbers from 0 up to 1. */
  constructor(apps: () => readonly ServedApp[], random: () => number = Math.random) {
    this.#apps = apps;
    this.#random = random;
  }

  find(app: string, name: string, takes: (served: ServedFunction) => boolean): ServedFunction | null {
    const served = this.#app(app);
    if (served === undefined) return null;
    const { live, canary, alias } = served;
    const isCanary = canary !== null && this.#random() * PERCENT < (alias.canary?.percent ?? 0);
    for (const deployment of isCanary ? [canary, live] : [live]) {
      const fn = deployment.functions.find(({ spec }) => spec.name === name);
      if (fn !== undefined && takes({ deployment, fn })) return { deployment, fn };
    }
    return null;
  }

  /** A catalogue gives the same list until it changes. */
  #app(name: string): ServedApp | undefined {
    const apps = this.#apps();
    if (apps !== this.#indexed) {
      this.#indexed = apps;
      this.#byName = new Map(apps.map((served) => [served.alias.app, served]));
    }
    return this.#byName.get(name);
  }
}
