import type { Manifest } from './schema.ts';

/** Files of the app, besides its code, that a manifest names: policies, JSON Schemas, certificates. Sorted, each once. */
export function manifestFiles(manifest: Manifest): string[] {
  const names = new Set<string>();
  for (const { ca } of Object.values(manifest.auth.mtls)) names.add(ca);
  for (const { routes } of manifest.functions) {
    for (const { allow, body, query, params, headers } of routes) {
      if (allow !== null) names.add(allow.policies);
      if (body !== null && body !== 'json') names.add(body);
      for (const name of [query, params, headers]) if (name !== null) names.add(name);
    }
  }
  return [...names].toSorted();
}

/** The same manifest with the texts of the files that it names. */
export function withFiles(manifest: Manifest, files: Readonly<Record<string, string>>): Manifest {
  return { ...manifest, files };
}
