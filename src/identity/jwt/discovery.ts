import { z } from 'zod';
import { CordonError, LIMITS } from '../../contract/index.ts';
import type { IssuerClient } from './issuer-client.ts';

const DISCOVERY_PATH = '/.well-known/openid-configuration';

const documentSchema = z.looseObject({
  issuer: z.string(),
  jwks_uri: z.string().max(2048),
});

/** What an issuer says of itself (OpenID Connect Discovery 1.0, section 3). */
export interface IssuerMetadata {
  readonly issuer: string;
  /** A URL that may be fetched from. */
  readonly jwksUri: string;
  /** The whole document. All but the two above is unchecked. */
  readonly document: Readonly<Record<string, unknown>>;
}

/** URL of the discovery document (OpenID Connect Discovery 1.0, section 4.1). */
export function discoveryUrl(issuer: string): string {
  return `${issuer.endsWith('/') ? issuer.slice(0, -1) : issuer}${DISCOVERY_PATH}`;
}

/**
 * Fetches the discovery document. Its `issuer` has to be exactly the one that was asked, else another one
 * could speak for it (section 4.3). Errors: those of `IssuerClient.json`.
 */
export async function discover(
  client: IssuerClient,
  issuer: string,
  signal: AbortSignal = client.deadline(),
): Promise<IssuerMetadata> {
  const answer = await client.json(discoveryUrl(issuer), LIMITS.discoveryBytesMax.value, signal);
  const parsed = documentSchema.safeParse(answer);
  if (!parsed.success) throw refused('its discovery document has not the agreed shape');
  const { data } = parsed;
  if (data.issuer !== issuer) throw refused('its discovery document is of another issuer');
  client.checkUrl(data.jwks_uri);
  return { issuer, jwksUri: data.jwks_uri, document: data };
}

function refused(why: string): CordonError {
  return new CordonError('CORDON_EGRESS_FAILED', `Cannot use the issuer: ${why}.`);
}
