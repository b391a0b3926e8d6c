import type { PolicyJson, TypeAndId } from './cedar.ts';
import type { ActionFacts } from './entities.ts';
import { ROUTE_TYPE } from './guarded-route.ts';

type Scope = PolicyJson['principal'] | PolicyJson['resource'];

/**
 * Whether a policy can apply to an action at all, by its scope. A policy whose scope does not match is never
 * evaluated by Cedar, and scopes cannot fail, so that leaving it out changes neither decision nor errors.
 * Principals and resources have no parents here: `in` is the same as `==` for them.
 */
export function canApply(policy: PolicyJson, action: ActionFacts): boolean {
  return (
    isActionInScope(policy.action, action) &&
    isTypeInScope(policy.principal, action.principalType) &&
    isTypeInScope(policy.resource, action.resource?.type ?? ROUTE_TYPE)
  );
}

function isActionInScope(scope: PolicyJson['action'], { uid, groups }: ActionFacts): boolean {
  if (scope.op === 'All') return true;
  if (scope.op === '==') return !('entity' in scope) || isSame(scope.entity, uid);
  const entities = 'entities' in scope ? scope.entities : [scope.entity];
  return entities.some((entity) => [uid, ...groups].some((known) => isSame(entity, known)));
}

function isTypeInScope(scope: Scope, type: string): boolean {
  if (scope.op === 'All') return true;
  if (scope.op === 'is') {
    const inside = scope.in;
    const isInside = inside === undefined || !('entity' in inside) || typeAndId(inside.entity).type === type;
    return scope.entity_type === type && isInside;
  }
  return !('entity' in scope) || typeAndId(scope.entity).type === type;
}

function isSame(entity: { __entity: TypeAndId } | TypeAndId, uid: TypeAndId): boolean {
  const { type, id } = typeAndId(entity);
  return type === uid.type && id === uid.id;
}

function typeAndId(entity: { __entity: TypeAndId } | TypeAndId): TypeAndId {
  return '__entity' in entity ? entity.__entity : entity;
}
