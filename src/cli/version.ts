import { readFileSync } from 'node:fs';

/** The version of Cordon, from its package. */
export function cordonVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { readonly version: string };
  return version;
}
