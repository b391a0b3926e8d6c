import type { CallerContext } from './port.ts';
import { secretsOf } from './fetch/credentials.ts';
import type { SecretSource } from './secret/index.ts';

/** The values of all secrets that the grants of a function name; a secret without a value is left out. Errors: those of the source. */
export async function grantedValues(
  { project, grants }: CallerContext,
  secrets: SecretSource,
): Promise<readonly string[]> {
  const names = new Set(Object.values(grants.secret).map(({ secret }) => secret));
  for (const grant of grants.fetch) for (const name of secretsOf(grant)) names.add(name);
  if (names.size === 0) return [];
  const values = await Promise.all([...names].map((name) => secrets.get(project, name)));
  return values.filter((value) => value !== null);
}
