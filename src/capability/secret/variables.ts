import type { Grants } from '../../manifest/index.ts';
import type { HandleOwner, SecretHandles } from './handles.ts';
import { missingSecret } from './host.ts';
import type { SecretSource } from './port.ts';

/**
 * What stands in `env` for each binding of a secret: its handle, or the value where the grant says `reveal`.
 * Errors: CORDON_SECRET_MISSING, and those of the source.
 */
export async function secretVariables(
  owner: HandleOwner,
  grants: Grants,
  handles: SecretHandles,
  secrets: SecretSource,
): Promise<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const [binding, { secret, reveal }] of Object.entries(grants.secret)) {
    if (reveal !== true) {
      variables[binding] = handles.handleFor(owner, secret);
      continue;
    }
    const value = await secrets.get(owner.project, secret);
    if (value === null) throw missingSecret(secret);
    variables[binding] = value;
  }
  return variables;
}
