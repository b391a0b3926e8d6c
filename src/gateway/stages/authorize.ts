import { Refusal } from './refusal.ts';
import type { AccessDecision } from '../guards/guard.ts';
import type { Admitted, Authorized, Outcome } from './stages.ts';

/**
 * Fourth stage: whether this caller may use this route. The scopes of the route first, then its policies.
 * What no rule allows is refused, and so is what a rule fails to judge.
 */
export function authorize(admitted: Admitted): Outcome<Authorized> {
  const { match, caller, guard } = admitted;
  if (match.auth === 'public') return judgeAccess(admitted);
  if (match.auth === 'control') {
    return caller.kind === 'control'
      ? judgeAccess(admitted)
      : forbidden(`route asks for control, caller is ${caller.kind}`, []);
  }
  if (caller.kind === 'anonymous' || caller.kind === 'control') {
    return forbidden(`route asks for ${match.auth.kind}, caller is ${caller.kind}`, []);
  }
  const missing = guard.scopes.filter((scope) => !caller.scopes.includes(scope));
  if (missing.length > 0) return forbidden(`scope ${missing.join(' ')} is missing`, []);
  return judgeAccess(admitted);
}

function judgeAccess(admitted: Admitted): Outcome<Authorized> {
  const { access } = admitted.guard;
  if (access === null) return admitted as Authorized;
  const failed = (thrown: unknown): Refusal =>
    forbidden(`the policies could not be asked: ${String(thrown)}`, []);
  let decision: AccessDecision | Promise<AccessDecision>;
  try {
    decision = access.decide(admitted);
  } catch (thrown) {
    return failed(thrown);
  }
  if (!(decision instanceof Promise)) return conclude(admitted, decision);
  return decision.then((settled) => conclude(admitted, settled), failed);
}

function conclude(admitted: Admitted, { allowed, reason, policies }: AccessDecision): Authorized | Refusal {
  return allowed ? (admitted as Authorized) : forbidden(reason, policies);
}

function forbidden(reason: string, policies: readonly string[]): Refusal {
  const rule = policies.length === 0 ? reason : `${reason}: ${policies.join(', ')}`;
  return new Refusal('CORDON_FORBIDDEN', rule, { event: 'access.denied' });
}
