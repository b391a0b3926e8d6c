import type { CallerContext, Decision } from '../capability/index.ts';
import type { GuestCall } from '../instance/index.ts';

/** Different uses remembered per function; what comes after is counted together. */
const USES_PER_FUNCTION_MAX = 500;
const OTHER = 'other';

/** A use of a capability, as the broker saw it. */
export interface ObservedUse {
  readonly app: string;
  readonly function: string;
  readonly capability: string;
  readonly binding: string;
  readonly operation: string;
  readonly resource: string;
  readonly outcome: Decision['outcome'];
  count: number;
}

/** Counts what each function uses. It feeds `cordon permissions` and the accounts. */
export class Meter {
  readonly #functions = new Map<string, Map<string, ObservedUse>>();

  count(
    { app, function: name }: CallerContext,
    { capability, binding, operation: called }: GuestCall,
    { resource, outcome, operation = called }: Decision,
  ): void {
    const uses = this.#usesOf(`${app}/${name}`);
    const key = `${outcome} ${capability} ${binding} ${operation} ${resource}`;
    const known = uses.get(key);
    if (known !== undefined) {
      known.count += 1;
      return;
    }
    if (uses.size < USES_PER_FUNCTION_MAX) {
      uses.set(key, { app, function: name, capability, binding, operation, resource, outcome, count: 1 });
      return;
    }
    const rest = uses.get(OTHER) ?? {
      app,
      function: name,
      capability,
      binding: '',
      operation: '',
      resource: OTHER,
      outcome,
      count: 0,
    };
    rest.count += 1;
    uses.set(OTHER, rest);
  }

  /** What the functions of an app used since the server started. */
  observed(app: string): ObservedUse[] {
    const found: ObservedUse[] = [];
    for (const uses of this.#functions.values())
      for (const use of uses.values()) if (use.app === app) found.push({ ...use });
    return found;
  }

  #usesOf(name: string): Map<string, ObservedUse> {
    let uses = this.#functions.get(name);
    if (uses === undefined) this.#functions.set(name, (uses = new Map<string, ObservedUse>()));
    return uses;
  }
}
