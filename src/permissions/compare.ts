import type { Capability, Finding, Known, Place, Unknown, Use } from './finding.ts';
import { isWildcard, mayCover, methodsOf, standsFor } from './fetch-pattern.ts';
import { grantedOperations, type GrantedOperation } from './granted.ts';
import { suggestionFor, type Suggestion } from './suggestion.ts';
import type { Grants } from '../manifest/index.ts';

/** Calls that the broker saw. `resource` is the key, URL or `host:port`; null where there is none. */
export interface ObservedUse {
  readonly capability: Capability;
  readonly binding: string | null;
  readonly operation: string;
  readonly resource: string | null;
  readonly count: number;
}

/** One operation on one resource that is used. */
export interface UsedOperation {
  readonly capability: Capability;
  readonly binding: string | null;
  readonly operation: string;
  readonly resource: Known | null;
  /** Where the code does it; empty when it was only observed. */
  readonly places: readonly Place[];
  /** Calls that were observed. */
  readonly observed: number;
}

export interface MissingGrant extends UsedOperation {
  /** Why no grant covers it. */
  readonly because: 'no-grant' | 'operation' | 'prefix' | 'address';
  readonly suggestion: Suggestion | null;
  readonly advice: string;
}

export interface UnusedGrant extends GrantedOperation {
  /** False: the code has places at which it cannot be told what is used, so that this may be used all the same. */
  readonly certain: boolean;
  /** As a line, such as `kv ORDERS: delete granted, never used`. */
  readonly summary: string;
  readonly advice: string;
}

export interface WildcardGrant {
  /** Path inside of `grants`. */
  readonly path: readonly (string | number)[];
  readonly to: string;
  readonly justified: boolean;
  readonly advice: string;
}

export interface Comparison {
  readonly used: readonly UsedOperation[];
  readonly granted: readonly GrantedOperation[];
  readonly missing: readonly MissingGrant[];
  readonly unused: readonly UnusedGrant[];
  readonly wildcard: readonly WildcardGrant[];
  readonly unknown: readonly Unknown[];
}

/** Compares what the code of one function is seen to use, and was observed to use, with what it is granted. */
export function compare(
  findings: readonly Finding[],
  observed: readonly ObservedUse[],
  grants: Grants,
): Comparison {
  const used = gather(findings, observed);
  const unknown = findings.filter((finding) => finding.kind === 'unknown');
  const granted = grantedOperations(grants);
  return {
    used,
    granted,
    missing: used.flatMap((use) => missingOf(use, grants)),
    unused: granted
      .filter((operation) => !used.some((use) => uses(use, operation, grants)))
      .map((operation) => unusedOf(operation, unknown)),
    wildcard: grants.fetch.flatMap((grant, index) =>
      isWildcard(grant)
        ? [
            {
              path: ['fetch', index],
              to: grant.to,
              justified: grant.because !== undefined,
              advice: `Name the hosts that are called in place of \`${grant.to}\`, or say why it has to be open in \`because\`.`,
            },
          ]
        : [],
    ),
    unknown,
  };
}

function gather(findings: readonly Finding[], observed: readonly ObservedUse[]): UsedOperation[] {
  const uses = new Map<
    string,
    { use: Omit<UsedOperation, 'places' | 'observed'>; places: Place[]; observed: number }
  >();
  const entry = (use: Omit<UsedOperation, 'places' | 'observed'>) => {
    const key = JSON.stringify([use.capability, use.binding, use.operation, use.resource]);
    const known = uses.get(key) ?? { use, places: [], observed: 0 };
    uses.set(key, known);
    return known;
  };
  for (const finding of findings) {
    if (finding.kind === 'use') entry(withoutPlace(finding)).places.push(finding.place);
  }
  for (const { capability, binding, operation, resource, count } of observed) {
    const known = resource === null ? null : { text: resource, whole: true };
    entry({ capability, binding, operation, resource: known }).observed += count;
  }
  return [...uses.values()].map(({ use, places, observed: count }) => ({ ...use, places, observed: count }));
}

function withoutPlace({
  capability,
  binding,
  operation,
  resource,
}: Use): Omit<UsedOperation, 'places' | 'observed'> {
  return { capability, binding, operation, resource };
}

function missingOf(use: UsedOperation, grants: Grants): MissingGrant[] {
  const because = reasonMissing(use, grants);
  if (because === null) return [];
  const suggestion = suggestionFor(use, grants);
  return [{ ...use, because, suggestion, advice: adviceFor(use, because) }];
}

function reasonMissing(use: UsedOperation, grants: Grants): MissingGrant['because'] | null {
  const { capability, binding, operation, resource } = use;
  switch (capability) {
    case 'fetch': {
      if (resource === null) return null;
      const covering = grants.fetch.filter((grant) => mayCover(grant, resource));
      if (covering.length === 0) return 'address';
      const isAllowed = operation === '*' || covering.some((grant) => methodsOf(grant).includes(operation));
      return isAllowed ? null : 'operation';
    }
    case 'connect':
      return grants.connect.some(({ to }) => to === resource?.text) ? null : 'address';
    case 'secret':
    case 'service':
    case 'queue':
      return Object.hasOwn(grants[capability], binding ?? '') ? null : 'no-grant';
    case 'pipe': {
      const types = Object.hasOwn(grants.pipe, binding ?? '') ? grants.pipe[binding ?? '']?.types : undefined;
      if (types === undefined) return 'no-grant';
      return types.some((type) => isType(resource, type)) ? null : 'operation';
    }
    case 'kv':
    case 'bucket': {
      const grant = Object.hasOwn(grants[capability], binding ?? '')
        ? grants[capability][binding ?? '']
        : undefined;
      if (grant === undefined) return 'no-grant';
      const operations: readonly string[] = grant.can;
      if (!operations.includes(operation)) return 'operation';
      return isInside(resource, grant.prefix ?? '') ? null : 'prefix';
    }
    case 'binding':
      return 'no-grant';
    default:
      return capability satisfies never;
  }
}

/** Whether what is known of a type of event may be this one. */
function isType(known: Known | null, type: string): boolean {
  if (known === null) return true;
  return known.whole ? known.text === type : type.startsWith(known.text);
}

/** Whether a key may be inside of a prefix. A listing of more than the prefix is not. */
function isInside(key: Known | null, prefix: string): boolean {
  if (key === null) return true;
  return key.text.startsWith(prefix) || (!key.whole && prefix.startsWith(key.text));
}

function adviceFor(use: UsedOperation, because: MissingGrant['because']): string {
  const { capability, binding, operation, resource } = use;
  if (capability === 'fetch')
    return `Grant \`fetch\` to ${resource?.text ?? 'the URL'}${resource?.whole === false ? '*' : ''} with ${operation}, or remove the call.`;
  if (capability === 'connect')
    return `Grant \`connect\` to ${resource?.text ?? 'the host'}, or remove the call.`;
  if (capability === 'binding')
    return `Nothing declares \`${binding ?? ''}\`: add it to \`grants\` or \`vars\`, or remove the use.`;
  if (capability === 'pipe' && because === 'operation')
    return `Add "${resource?.text ?? ''}" to \`types\` of pipe ${binding ?? ''}, or remove the call.`;
  if (because === 'operation')
    return `Add "${operation}" to \`can\` of ${capability} ${binding ?? ''}, or remove the call.`;
  if (because === 'prefix')
    return `The key ${resource?.text ?? ''} is outside of the prefix of ${capability} ${binding ?? ''}: widen it, or use other keys.`;
  return `Grant ${capability} ${binding ?? ''}, or remove the use.`;
}

function uses(use: UsedOperation, granted: GrantedOperation, grants: Grants): boolean {
  if (granted.capability === 'fetch') {
    const grant = grants.fetch[granted.index];
    return (
      use.capability === 'fetch' &&
      grant !== undefined &&
      use.resource !== null &&
      mayCover(grant, use.resource) &&
      (use.operation === '*' || standsFor(grant, granted.operation).includes(use.operation))
    );
  }
  if (granted.capability === 'connect')
    return use.capability === 'connect' && use.resource?.text === granted.resource;
  if (granted.capability === 'pipe')
    return (
      use.capability === 'pipe' && use.binding === granted.binding && isType(use.resource, granted.resource)
    );
  return use.binding === granted.binding && use.operation === granted.operation;
}

/** Reasons that say nothing about bindings, or nothing about the network. */
const ABOUT_NETWORK: ReadonlySet<string> = new Set([
  'url-unknown',
  'host-unknown',
  'fetch-passed',
  'package-unseen',
]);
const ABOUT_BINDINGS: ReadonlySet<string> = new Set([
  'binding-computed',
  'operation-computed',
  'environment-passed',
  'environment-listed',
]);

function unusedOf(granted: GrantedOperation, unknown: readonly Unknown[]): UnusedGrant {
  const isNetwork = granted.capability === 'fetch' || granted.capability === 'connect';
  const certain = !unknown.some(({ reason, detail }) => {
    if (isNetwork) return !ABOUT_BINDINGS.has(reason);
    if (ABOUT_NETWORK.has(reason)) return false;
    // A binding that is named is the only one that such a place is about.
    const name = /^[A-Z][A-Z0-9_]*/.exec(detail)?.[0];
    return name === undefined || !ABOUT_BINDINGS.has(reason) || name === granted.binding;
  });
  const subject = granted.binding ?? granted.resource;
  const what = granted.capability === 'pipe' ? `${granted.operation} ${granted.resource}` : granted.operation;
  return {
    ...granted,
    certain,
    summary: `${granted.capability} ${subject}: ${what} granted, never used`,
    advice: certain
      ? `Remove ${what} of ${granted.capability} ${subject} from \`grants\`, or say in \`because\` why it is needed.`
      : `Nothing is seen to use it, but part of the code cannot be followed: look at the unknown places first.`,
  };
}
