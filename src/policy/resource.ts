import { LIMITS } from '../contract/index.ts';
import type { ResourceSpec } from '../manifest/index.ts';
import { fillPlaceholders } from './placeholders.ts';
import type { ResolvedResource, ResourceLookup } from './port.ts';

const NOTHING: ResolvedResource = { ok: true, attributes: null };

/**
 * Looks up what a request is about. Nothing to look up, and nothing stored, is null; a lookup that fails, a
 * key that cannot be made and a value that is no object are failures, which deny. It never throws, and
 * answers at once where the lookup does.
 */
export function resolveResource(
  spec: ResourceSpec | null,
  params: Readonly<Record<string, string>>,
  lookup: ResourceLookup,
): ResolvedResource | Promise<ResolvedResource> {
  if (spec === null || spec.from === null) return NOTHING;
  const key = fillPlaceholders(spec.from.key, params, LIMITS.kvKeyBytesMax.value);
  if (!key.ok) return { ok: false, reason: `the key of the ${spec.type} ${key.reason}` };
  try {
    const found = lookup(spec.from.kv, key.text);
    return found instanceof Promise
      ? found.then((value) => resolved(spec, value), failed)
      : resolved(spec, found);
  } catch (thrown) {
    return failed(thrown);
  }
}

function resolved({ type }: ResourceSpec, value: unknown): ResolvedResource {
  if (value === undefined || value === null) return NOTHING;
  if (typeof value !== 'object' || Array.isArray(value))
    return { ok: false, reason: `what is stored for the ${type} is not a JSON object` };
  return { ok: true, attributes: value as Readonly<Record<string, unknown>> };
}

function failed(thrown: unknown): ResolvedResource {
  return {
    ok: false,
    reason: `the lookup failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
  };
}
