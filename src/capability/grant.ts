import type { Decision } from './port.ts';

const RESOURCE_CHARACTERS_MAX = 256;
const HINT_CHARACTERS_MAX = 1024;
const BINDING = /^[A-Z][A-Z0-9_]{0,63}$/;

/** The grant of a binding. A guest says the name: only own properties count. */
export function grantOf<T>(grants: Readonly<Record<string, T>>, binding: string): T | null {
  return Object.hasOwn(grants, binding) ? (grants[binding] ?? null) : null;
}

export function allow(resource: string, kind: string, binding: string): Decision {
  return { outcome: 'allow', resource, rule: `grants.${kind}.${binding}`, hint: '' };
}

/** `grant`: what the manifest would have to say at this binding to allow it. */
export function deny(
  resource: string,
  kind: string,
  binding: string,
  reason: string,
  grant: Readonly<Record<string, unknown>>,
): Decision {
  // What is no name of a binding can be allowed by nothing.
  const known = BINDING.test(binding);
  const hint = known ? `grants.${kind}.${binding}: ${JSON.stringify(grant)}` : '';
  return {
    outcome: 'deny',
    resource: resource.slice(0, RESOURCE_CHARACTERS_MAX),
    rule: `grants.${kind}.${known ? binding : '?'} ${reason}`,
    hint: hint.length > HINT_CHARACTERS_MAX ? '' : hint,
  };
}

/** For an operation that does not exist: nothing in a manifest allows it. */
export function unknownOperation(resource: string): Decision {
  return { outcome: 'deny', resource, rule: 'operation.unknown', hint: '' };
}

/** Name of a resource that would go with a binding: `ORDER_ITEMS` has `order-items`. */
export function resourceNameFor(binding: string): string {
  return binding.toLowerCase().replaceAll('_', '-').slice(0, 63);
}

/** A grant over keys, as kv and buckets have it. */
export interface KeyedGrant {
  readonly can: readonly string[];
  readonly prefix?: string | undefined;
}

export interface KeyedUse {
  readonly kind: 'kv' | 'bucket';
  readonly binding: string;
  readonly operation: string;
  /** Key of the grant that names the resource. */
  readonly field: 'store' | 'bucket';
  readonly name: string;
  /** Keys, or the prefix of a list, that it is about; empty where they cannot be read: then it fails later. */
  readonly keys: readonly string[];
}

/** Judges an operation on keys of a store or bucket. */
export function decideKeyed(
  grant: KeyedGrant | null,
  use: KeyedUse,
  operations: readonly string[],
): Decision {
  const { kind, binding, operation, field, name, keys } = use;
  const resource = `${kind}:${name}`;
  if (!operations.includes(operation)) return unknownOperation(resource);
  if (grant === null) return deny(resource, kind, binding, 'is missing', { [field]: name, can: [operation] });
  const prefix = grant.prefix ?? '';
  const outside = prefix === '' ? undefined : keys.find((key) => !key.startsWith(prefix));
  const can = operations.filter((candidate) => candidate === operation || grant.can.includes(candidate));
  if (!grant.can.includes(operation))
    return deny(resource, kind, binding, `has no "${operation}"`, wanted(field, name, can, prefix, keys));
  if (outside === undefined) return allow(resource, kind, binding);
  const reason = `covers only keys that start with ${JSON.stringify(prefix)}`;
  return deny(`${resource}/${outside}`, kind, binding, reason, wanted(field, name, can, prefix, keys));
}

function wanted(
  field: string,
  name: string,
  can: readonly string[],
  prefix: string,
  keys: readonly string[],
): Readonly<Record<string, unknown>> {
  const common = keys.reduce(commonPrefix, prefix);
  return { [field]: name, can, ...(common === '' ? {} : { prefix: common }) };
}

function commonPrefix(a: string, b: string): string {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length += 1;
  // Never half of a surrogate pair.
  if (length > 0 && /[\ud800-\udbff]/.test(a.charAt(length - 1))) length -= 1;
  return a.slice(0, length);
}
