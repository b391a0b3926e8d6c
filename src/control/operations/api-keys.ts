import { z } from 'zod';
import { CordonError } from '../../contract/index.ts';
import { operation } from '../operation.ts';
import type { ControlCatalogue } from '../port.ts';
import { PROJECT } from '../project.ts';
import { apiKeyIdSchema, apiKeySchema, newApiKeySchema, nameSchema } from '../schema.ts';

const none = z.strictObject({});

export const API_KEY_OPERATIONS = [
  operation({
    id: 'createApiKey',
    method: 'POST',
    path: '/v1/api-keys',
    summary: 'Makes an API key for callers of an app. Its text is in this answer and never shown again.',
    params: none,
    query: none,
    body: newApiKeySchema,
    response: apiKeySchema.extend({ key: z.string().describe('The key itself.') }),
    status: 201,
    async handler({ services }, { body }) {
      checkAuthenticator(services.catalogue, body);
      const { info, key } = await services.apiKeys.create({
        project: PROJECT,
        app: body.app,
        authenticator: body.auth,
        name: body.name,
        scopes: body.scopes,
        expiresAt: body.expiresAt,
      });
      return { ...info, auth: info.authenticator, scopes: [...info.scopes], key: key.reveal() };
    },
  }),
  operation({
    id: 'listApiKeys',
    method: 'GET',
    path: '/v1/api-keys',
    summary: 'Lists the API keys, never their text. Oldest first.',
    params: none,
    query: z.strictObject({ app: nameSchema.optional() }),
    body: null,
    response: z.object({ keys: z.array(apiKeySchema) }),
    async handler({ services }, { query }) {
      const keys = services.apiKeys.list(PROJECT, query.app ?? null);
      return {
        keys: keys.map((info) => ({ ...info, auth: info.authenticator, scopes: [...info.scopes] })),
      };
    },
  }),
  operation({
    id: 'revokeApiKey',
    method: 'DELETE',
    path: '/v1/api-keys/{key}',
    summary: 'Revokes an API key; requests with it are refused from then on.',
    params: z.strictObject({ key: apiKeyIdSchema }),
    query: none,
    body: null,
    response: apiKeySchema,
    async handler({ services }, { params }) {
      const info = await services.apiKeys.revoke(PROJECT, params.key);
      return { ...info, auth: info.authenticator, scopes: [...info.scopes] };
    },
  }),
] as const;

/** A key for what no manifest names would let nobody in, and one day perhaps somebody. */
function checkAuthenticator(
  catalogue: ControlCatalogue,
  { app, auth, scopes }: z.output<typeof newApiKeySchema>,
): void {
  const { apiKey } = catalogue.app(app).live.manifest.auth;
  const spec = Object.hasOwn(apiKey, auth) ? apiKey[auth] : undefined;
  if (spec === undefined) {
    const known = Object.keys(apiKey);
    const named = known.length === 0 ? 'none' : known.join(', ');
    throw invalid(`${app} has no \`apiKey\` authenticator named ${auth} (it has ${named})`);
  }
  const other = scopes.find((scope) => !spec.scopes.includes(scope));
  if (other !== undefined)
    throw invalid(`the authenticator ${auth} of ${app} does not list the scope ${JSON.stringify(other)}`);
}

function invalid(why: string): CordonError {
  return new CordonError('CORDON_API_KEY_INVALID', `Cannot make this API key: ${why}.`);
}
