import { LIMITS } from '../contract/index.ts';
import type { Manifest } from '../manifest/index.ts';
import { cedar, type CedarEngine, type TypeAndId } from './cedar.ts';
import { DecisionMemory } from './decision-memory.ts';
import { decideBy, denied, explainBy, type CompiledAction } from './decide.ts';
import type { ActionFacts } from './entities.ts';
import {
  actionGroups,
  actionId,
  guardedRoutes,
  methodsOf,
  parametersOf,
  principalTypeOf,
  type GuardedRoute,
} from './guarded-route.ts';
import { canApply } from './partition.ts';
import type { Policy, PolicyFile } from './policy-file.ts';
import type { PolicyDecision, PolicyExplanation, PolicyRequest, PolicySets } from './port.ts';
import { readsOf } from './reads.ts';
import { readPolicies } from './validate.ts';

/** Policies that are held together, for the actions to which exactly these can apply. */
type Holding = Omit<CompiledAction, 'facts'>;

/** What an app has whose routes name no policies. It decides nothing. */
const NO_POLICIES: PolicySets = {
  decide: () => denied('no policy'),
  explain: () => unknownAction(),
  close: () => undefined,
};

/**
 * Compiles the policies that the routes of an app name, from the texts in `manifest.files`. The engine is
 * loaded when the first app with policies comes. That they have been validated is for `checkPolicies`.
 * Errors: CORDON_POLICY_INVALID with all problems in `details.problems` (`PolicyProblem[]`).
 */
export function compilePolicies(manifest: Manifest): PolicySets {
  const routes = guardedRoutes(manifest);
  if (routes.length === 0) return NO_POLICIES;
  return new CompiledPolicies(cedar(), routes, readPolicies(cedar(), manifest));
}

/** What refuses everyone: for an app whose policies cannot be compiled. */
export function denyAll(reason: string): PolicySets {
  const decision = denied('evaluation error', [reason]);
  return { ...NO_POLICIES, decide: () => decision, explain: () => ({ ...unknownAction(), decision }) };
}

/**
 * For each action the policies that can apply to it, parsed ahead. Actions with the same policies share them;
 * where that would still be too many, the rest of the actions share their whole files.
 */
class CompiledPolicies implements PolicySets {
  readonly #memory = new DecisionMemory();
  readonly #engine: CedarEngine;
  readonly #actions = new Map<string, CompiledAction>();
  readonly #holdings = new Map<string, Holding>();
  #policiesHeld = 0;

  constructor(engine: CedarEngine, routes: readonly GuardedRoute[], files: ReadonlyMap<string, PolicyFile>) {
    this.#engine = engine;
    try {
      for (const guarded of routes) this.#add(guarded, files.get(guarded.allow.policies)?.policies ?? []);
    } catch (thrown) {
      this.close();
      throw thrown;
    }
  }

  decide(request: PolicyRequest): PolicyDecision {
    const action = this.#find(request);
    return action === undefined
      ? denied('no policy')
      : decideBy(this.#engine, action, request, this.#memory).decision;
  }

  explain(request: PolicyRequest): PolicyExplanation {
    const action = this.#find(request);
    return action === undefined ? unknownAction() : explainBy(this.#engine, action, request);
  }

  close(): void {
    for (const { slot } of this.#holdings.values()) if (slot !== null) this.#engine.release(slot);
    this.#holdings.clear();
    this.#actions.clear();
    this.#memory.clear();
  }

  #add(guarded: GuardedRoute, policies: readonly Policy[]): void {
    for (const method of methodsOf(guarded.route)) {
      const facts = factsOf(method, guarded);
      this.#actions.set(facts.uid.id, { facts, ...this.#hold(guarded.allow.policies, policies, facts) });
    }
  }

  /** A route for GET serves HEAD as well, unless one names HEAD: it is judged as what serves it. */
  #find({ route, method }: PolicyRequest): CompiledAction | undefined {
    const action = this.#actions.get(actionId(method, route));
    if (action !== undefined || method !== 'HEAD') return action;
    return this.#actions.get(actionId('GET', route));
  }

  #hold(file: string, all: readonly Policy[], facts: ActionFacts): Holding {
    const able = all.filter(({ json }) => canApply(json, facts));
    const isRoom = this.#policiesHeld + able.length <= LIMITS.policiesHeldMax.value;
    const chosen = isRoom ? able : all;
    const key = JSON.stringify([file, ...chosen.map(({ id }) => id)]);
    const known = this.#holdings.get(key);
    if (known !== undefined) return known;
    const texts = Object.fromEntries(chosen.map(({ id, text }) => [id, text]));
    const holding: Holding = {
      slot: chosen.length === 0 ? null : this.#engine.hold(texts),
      policies: new Map(chosen.map(({ json: _json, ...text }) => [text.id, text])),
      reads: readsOf(chosen.map(({ json }) => json)),
    };
    this.#holdings.set(key, holding);
    this.#policiesHeld += chosen.length;
    return holding;
  }
}

function factsOf(method: string, guarded: GuardedRoute): ActionFacts {
  const { route, allow, claims } = guarded;
  const { auth } = route;
  const action = (id: string): TypeAndId => ({ type: 'Action', id });
  return {
    uid: action(actionId(method, route)),
    groups: actionGroups(method, guarded).map(action),
    route,
    principalType: principalTypeOf(auth),
    authenticator: typeof auth === 'string' ? null : `${auth.kind}:${auth.name}`,
    claims,
    resource: allow.resource,
    parameters: parametersOf(route),
  };
}

function unknownAction(): PolicyExplanation {
  return {
    decision: denied('no policy'),
    policies: [],
    evaluated: 0,
    principal: null,
    action: null,
    resource: null,
    context: {},
    entities: [],
  };
}
