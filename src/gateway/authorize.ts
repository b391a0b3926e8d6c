import { Refusal } from './refusal.ts';
import type { Admitted, Authorized } from './stages.ts';

/** Fourth stage: whether this caller may use this route. What no rule allows is refused. */
export function authorize(admitted: Admitted): Authorized | Refusal {
  const { match, caller } = admitted;
  if (match.auth === 'public') return admitted as Authorized;
  if (match.auth === 'control' && caller.kind === 'control') return admitted as Authorized;
  return new Refusal('CORDON_FORBIDDEN', `route asks for ${match.auth}, caller is ${caller.kind}`, {
    event: 'auth.failed',
  });
}
