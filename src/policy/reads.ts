import type { PolicyJson } from './cedar.ts';

/**
 * What some policies can read of a request. Cedar spends most of a decision on taking over values, so that
 * what no policy reads is not given to it.
 */
export interface Reads {
  /** Names of attributes, of whatever they are asked: principal, resource or context. */
  readonly names: ReadonlySet<string>;
  /** True where the context is used as a whole. */
  readonly wholeContext: boolean;
  /** True where it matters of which groups the action is a member. */
  readonly groups: boolean;
}

/** Collects what policies read. Every name in an access or a test counts, whatever stands before it. */
export function readsOf(policies: Iterable<PolicyJson>): Reads {
  const names = new Set<string>();
  const found = { names, wholeContext: false, groups: false };
  for (const { action, conditions } of policies) {
    if (action.op === 'in') found.groups = true;
    for (const { body } of conditions) visit(body, found);
  }
  return found;
}

/** The expressions of a policy are at most `policyDepthMax` levels deep. */
function visit(value: unknown, found: { names: Set<string>; wholeContext: boolean; groups: boolean }): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value) as [string, unknown][]) {
    if (key === 'Var' && inner === 'context') found.wholeContext = true;
    if (key === 'in') found.groups = true;
    if ((key === '.' || key === 'has') && isAccess(inner)) {
      for (const name of [inner.attr].flat()) found.names.add(name);
      if (!isContext(inner.left)) visit(inner.left, found);
    } else visit(inner, found);
  }
}

function isAccess(value: unknown): value is { readonly left: unknown; readonly attr: string | string[] } {
  return typeof value === 'object' && value !== null && 'left' in value && 'attr' in value;
}

function isContext(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'Var' in value && value.Var === 'context';
}
