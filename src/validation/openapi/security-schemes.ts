import type { AuthKind, AuthSpec, Manifest, RouteAuth } from '../../manifest/index.ts';

type Json = Record<string, unknown>;

/** Name of the scheme for holders of a control token. */
export const CONTROL_SCHEME = 'control';

/** Name of the scheme of an authenticator. Kinds have no hyphen, so that it can be told what belongs to which. */
export function schemeName(kind: AuthKind, name: string): string {
  return `${kind}-${name}`;
}

/** The security schemes of the authenticators that routes name, by name. `x-cordon` says what OpenAPI cannot. */
export function securitySchemesOf(manifest: Manifest): Record<string, Json> {
  const used = manifest.functions.flatMap(({ routes }) => routes.map(({ auth }) => auth));
  const schemes: [string, Json][] = [];
  for (const auth of used) {
    if (auth === 'public') continue;
    if (auth === 'control') {
      const description = 'A control token of the server.';
      schemes.push([
        CONTROL_SCHEME,
        { type: 'http', scheme: 'bearer', description, 'x-cordon': { kind: 'control' } },
      ]);
    } else schemes.push([schemeName(auth.kind, auth.name), schemeOf(auth.kind, auth.name, manifest.auth)]);
  }
  return Object.fromEntries(schemes.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** `security` of an operation; an empty list for the public. */
export function securityOf(auth: RouteAuth): Record<string, readonly string[]>[] {
  if (auth === 'public') return [];
  if (auth === 'control') return [{ [CONTROL_SCHEME]: [] }];
  return [{ [schemeName(auth.kind, auth.name)]: auth.scopes }];
}

function schemeOf(kind: AuthKind, name: string, auth: AuthSpec): Json {
  const cordon = { kind, name };
  switch (kind) {
    case 'jwt': {
      const spec = auth.jwt[name];
      const { issuer = '', audiences = [], jwks = null } = spec ?? {};
      const keys = jwks === null ? {} : { jwks };
      return {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        'x-cordon': { ...cordon, issuer, audience: audiences, ...keys },
      };
    }
    case 'oidc': {
      const { issuer = '', clientId = '' } = auth.oidc[name] ?? {};
      const openIdConnectUrl = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
      const description = 'A login with a browser; the session is a cookie.';
      return {
        type: 'openIdConnect',
        openIdConnectUrl,
        description,
        'x-cordon': { ...cordon, issuer, clientId },
      };
    }
    case 'apiKey': {
      const { scopes = [] } = auth.apiKey[name] ?? {};
      return { type: 'apiKey', in: 'header', name: 'x-api-key', 'x-cordon': { ...cordon, scopes } };
    }
    case 'mtls':
      return { type: 'mutualTLS', 'x-cordon': cordon };
    case 'webhook': {
      const description = 'A delivery that its sender has signed.';
      return { type: 'apiKey', in: 'header', name: 'webhook-signature', description, 'x-cordon': cordon };
    }
  }
}
