import type { Grants } from '../manifest/index.ts';
import type { Capability, Known } from './finding.ts';

/** An edit of the grants of a function that would cover a use. */
export type Suggestion =
  | {
      readonly kind: 'binding';
      readonly capability: 'kv' | 'bucket' | 'queue' | 'service' | 'pipe' | 'secret';
      readonly binding: string;
      readonly value: object;
    }
  | {
      readonly kind: 'operation';
      readonly capability: 'kv' | 'bucket';
      readonly binding: string;
      readonly operation: string;
    }
  | { readonly kind: 'type'; readonly binding: string; readonly type: string }
  | { readonly kind: 'fetch'; readonly to: string; readonly method: string }
  | { readonly kind: 'connect'; readonly to: string };

interface Used {
  readonly capability: Capability;
  readonly binding: string | null;
  readonly operation: string;
  readonly resource: Known | null;
}

const BINDING = /^[A-Z][A-Z0-9_]{0,63}$/;

/** The smallest edit that covers a use; null when code does not show enough of it, such as the kind of a binding. */
export function suggestionFor(use: Used, grants: Grants): Suggestion | null {
  const { capability, operation, resource } = use;
  if (capability === 'fetch') return fetchSuggestion(operation, resource);
  if (capability === 'connect') return resource === null ? null : { kind: 'connect', to: resource.text };
  const binding = use.binding ?? '';
  if (capability === 'binding' || !BINDING.test(binding)) return null;
  const name = binding.toLowerCase().replaceAll('_', '-').slice(0, 63);
  switch (capability) {
    case 'kv':
    case 'bucket':
      // Keys outside of a prefix are for a person to decide about.
      if (Object.hasOwn(grants[capability], binding)) {
        const operations: readonly string[] = grants[capability][binding]?.can ?? [];
        return operations.includes(operation) ? null : { kind: 'operation', capability, binding, operation };
      }
      return {
        kind: 'binding',
        capability,
        binding,
        value: capability === 'kv' ? { store: name, can: [operation] } : { bucket: name, can: [operation] },
      };
    case 'queue':
      return { kind: 'binding', capability, binding, value: { queue: name, can: ['send'] } };
    case 'service':
      return { kind: 'binding', capability, binding, value: { function: name } };
    case 'pipe':
      if (resource?.whole !== true) return null;
      return Object.hasOwn(grants.pipe, binding)
        ? { kind: 'type', binding, type: resource.text }
        : { kind: 'binding', capability, binding, value: { types: [resource.text] } };
    case 'secret':
      return { kind: 'binding', capability, binding, value: { secret: binding } };
    default:
      return capability satisfies never;
  }
}

function fetchSuggestion(method: string, resource: Known | null): Suggestion | null {
  if (resource === null || method === '*') return null;
  const to = resource.text.replace(/\?.*$/, '').replace(/^ws/, 'http');
  return {
    kind: 'fetch',
    to: resource.whole && !resource.text.includes('?') ? to : `${to}*`.replace(/\*+$/, '*'),
    method,
  };
}
