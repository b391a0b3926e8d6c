import { createHash } from 'node:crypto';
import type { Manifest } from '../manifest/index.ts';

/** Changes when the same manifest and bundles would have to run differently. */
const FORMAT_VERSION = 2;

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Id of a deployment: SHA-256 over canonical JSON of the resolved manifest, the hash and format of each
 * function's bundle, and the version of this format.
 */
export function deploymentId(
  manifest: Manifest,
  bundles: readonly { readonly function: string; readonly format: string; readonly sha256: string }[],
): string {
  return sha256(
    canonicalJson({ version: FORMAT_VERSION, manifest: withoutLaterDefaults(manifest), bundles }),
  );
}

/** What manifests once could not say is left out where nothing is said, so that an app keeps its id. */
function withoutLaterDefaults(manifest: Manifest): object {
  const without = (value: object, key: string, isDefault: boolean): object =>
    isDefault ? Object.fromEntries(Object.entries(value).filter(([name]) => name !== key)) : value;
  return {
    ...manifest,
    functions: manifest.functions.map((fn) => {
      const routes = fn.routes.map((route) => without(route, 'deliver', route.deliver === 'request'));
      const grants = without(fn.grants, 'pipe', Object.keys(fn.grants.pipe).length === 0);
      return without({ ...fn, routes, grants }, 'sources', fn.sources.length === 0);
    }),
  };
}

/** JSON with the keys of every object in code unit order (RFC 8785, for the plain data that manifests are). */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (part === null || typeof part !== 'object' || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
