import type { CedarEngine, CedarRequest, TypeAndId } from './cedar.ts';
import type { DecisionMemory } from './decision-memory.ts';
import { cedarRequest, type ActionFacts } from './entities.ts';
import type { Reads } from './reads.ts';
import type { PolicyDecision, PolicyExplanation, PolicyReason, PolicyRequest, PolicyText } from './port.ts';

const MESSAGE_CHARS_MAX = 500;

/** An action with the policies that can apply to it. */
export interface CompiledAction {
  readonly facts: ActionFacts;
  /** Where the engine holds them; null where there are none. */
  readonly slot: string | null;
  readonly policies: ReadonlyMap<string, PolicyText>;
  readonly reads: Reads;
}

interface Decided {
  readonly decision: PolicyDecision;
  /** What the policies saw; null where the request did not fit. */
  readonly seen: CedarRequest | null;
}

/** A denial that no policy has made. */
export function denied(reason: PolicyReason, errors: readonly string[] = []): PolicyDecision {
  return { outcome: 'deny', policies: [], reason, errors };
}

/** Decides. Forbid wins, what nothing permits is denied, and any error denies, whichever policy has it. */
export function decideBy(
  engine: CedarEngine,
  action: CompiledAction,
  request: PolicyRequest,
  memory: DecisionMemory | null = null,
): Decided {
  let seen: CedarRequest;
  try {
    seen = cedarRequest(action.facts, action.reads, request);
  } catch (thrown) {
    return { decision: denied('evaluation error', [messageOf(thrown)]), seen: null };
  }
  if (memory === null) return { decision: judge(engine, action, request, seen), seen };
  const key = keyOf(action, request, seen);
  const known = memory.get(key);
  if (known !== undefined) return { decision: known, seen };
  const decision = judge(engine, action, request, seen);
  // An engine that failed may not fail the next time.
  if (decision.reason !== 'evaluation error') memory.keep(key, decision);
  return { decision, seen };
}

/** All that a decision depends on besides the policies. */
function keyOf({ facts }: CompiledAction, { resource }: PolicyRequest, seen: CedarRequest): string {
  return JSON.stringify([facts.uid.id, resource === null, seen]);
}

function judge(
  engine: CedarEngine,
  { facts, slot }: CompiledAction,
  request: PolicyRequest,
  seen: CedarRequest,
): PolicyDecision {
  const isLookupMissing = request.resource === null && (facts.resource?.from ?? null) !== null;
  const unpermitted = isLookupMissing ? 'lookup missing' : 'no policy';
  if (slot === null) return denied(unpermitted);
  let response;
  try {
    response = engine.evaluate(slot, seen);
  } catch (thrown) {
    return denied('evaluation error', [messageOf(thrown)]);
  }
  const { reason, errors } = response.diagnostics;
  if (errors.length > 0) {
    return {
      outcome: 'deny',
      // Cedar goes on without a policy that fails, which would be a forbid that does not forbid.
      policies: errors.map(({ policyId }) => policyId).toSorted(),
      reason: 'evaluation error',
      errors: errors.map(({ error }) => messageOf(error.message)),
    };
  }
  if (response.decision !== 'allow' && reason.length === 0) return denied(unpermitted);
  return {
    outcome: response.decision === 'allow' ? 'allow' : 'deny',
    policies: [...reason].toSorted(),
    reason: 'policy',
    errors: [],
  };
}

/** Decides, and shows what went into it. */
export function explainBy(
  engine: CedarEngine,
  action: CompiledAction,
  request: PolicyRequest,
): PolicyExplanation {
  const { decision, seen } = decideBy(engine, action, request);
  const named = decision.policies.flatMap((id) => action.policies.get(id) ?? []);
  return {
    decision,
    policies: named,
    evaluated: action.policies.size,
    principal: seen === null ? null : uidText(seen.principal),
    action: uidText(action.facts.uid),
    resource: seen === null ? null : uidText(seen.resource),
    context: seen?.context ?? {},
    entities: seen?.entities ?? [],
  };
}

/** Bounded, as it can hold ids that a caller chose. */
function messageOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).slice(0, MESSAGE_CHARS_MAX);
}

/** For people only: nothing reads it back. */
function uidText({ type, id }: TypeAndId): string {
  return `${type}::${JSON.stringify(id)}`;
}
