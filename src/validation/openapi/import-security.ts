import type { ManifestInput } from '../../manifest/index.ts';
import { objectOf, type JsonObject, type OpenApiDocument } from './read-document.ts';

type AuthInput = NonNullable<ManifestInput['auth']>;
type RouteAuthInput = NonNullable<ManifestInput['functions'][string]['routes']>[number]['auth'];

/** How a route is guarded. */
export interface ImportedAuth {
  readonly auth: RouteAuthInput;
  /** What a person has to decide, as the route is closed to all but the operator until then; null for nothing. */
  readonly decision: string | null;
}

const closed = (decision: string): ImportedAuth => ({ auth: 'control', decision });

/** Makes authenticators of security schemes. What the document does not say is never guessed: the route stays closed. */
export class ImportedSecurity {
  readonly #document: OpenApiDocument;
  readonly #allowsPublic: boolean;
  readonly #jwt: NonNullable<AuthInput['jwt']> = {};
  readonly #oidc: NonNullable<AuthInput['oidc']> = {};
  readonly #apiKeyScopes = new Map<string, Set<string>>();

  /** `allowsPublic`: operations without security are for everyone. */
  constructor(document: OpenApiDocument, allowsPublic: boolean) {
    this.#document = document;
    this.#allowsPublic = allowsPublic;
  }

  /** Section `auth` of the manifest. */
  section(): AuthInput {
    const apiKey = Object.fromEntries(
      [...this.#apiKeyScopes].map(([name, scopes]) => [
        name,
        scopes.size === 0 ? {} : { scopes: [...scopes] },
      ]),
    );
    return {
      ...(Object.keys(this.#jwt).length === 0 ? {} : { jwt: this.#jwt }),
      ...(Object.keys(this.#oidc).length === 0 ? {} : { oidc: this.#oidc }),
      ...(this.#apiKeyScopes.size === 0 ? {} : { apiKey }),
    };
  }

  /** `auth` of the route for an operation. */
  of(operation: JsonObject): ImportedAuth {
    const requirements = operation['security'] ?? this.#document.root['security'] ?? [];
    const list = Array.isArray(requirements) ? requirements.map(objectOf) : [];
    if (list.length === 0 || list.some((requirement) => Object.keys(requirement).length === 0)) {
      if (this.#allowsPublic) return { auth: 'public', decision: null };
      return closed('it asks for no security: write "public" if anyone may call it');
    }
    const [[name, scopes] = [], ...more] = list.flatMap((requirement) => Object.entries(requirement));
    if (name === undefined || more.length > 0)
      return closed('it has several security schemes: a route has one');
    const wanted = Array.isArray(scopes) ? scopes.filter((scope) => typeof scope === 'string') : [];
    const schemes = objectOf(objectOf(this.#document.root['components'])['securitySchemes']);
    return this.#scheme(name, this.#document.object(schemes[name]), wanted);
  }

  #scheme(key: string, scheme: JsonObject, scopes: readonly string[]): ImportedAuth {
    const cordon = objectOf(scheme['x-cordon']);
    const name = authName(typeof cordon['name'] === 'string' ? cordon['name'] : key);
    const wanted = scopes.length === 0 ? {} : { scopes: [...scopes] };
    const { issuer, audience, clientId, jwks } = cordon;
    if (cordon['kind'] === 'control') return { auth: 'control', decision: null };
    if (cordon['kind'] === 'jwt' && typeof issuer === 'string' && isTexts(audience)) {
      this.#jwt[name] = {
        issuer,
        audience: audience.length === 1 ? (audience[0] ?? '') : [...audience],
        ...(typeof jwks === 'string' ? { jwks } : {}),
      };
      return { auth: { jwt: name, ...wanted }, decision: null };
    }
    if (cordon['kind'] === 'oidc' && typeof issuer === 'string' && typeof clientId === 'string') {
      this.#oidc[name] = { issuer, clientId };
      return { auth: { oidc: name, ...wanted }, decision: null };
    }
    if (scheme['type'] === 'apiKey' && scheme['in'] === 'header' && cordon['kind'] !== 'webhook') {
      const known = this.#apiKeyScopes.get(name) ?? new Set<string>();
      const listed = isTexts(cordon['scopes']) ? cordon['scopes'] : [];
      for (const scope of [...listed, ...scopes]) known.add(scope);
      this.#apiKeyScopes.set(name, known);
      return { auth: { apiKey: name, ...wanted }, decision: null };
    }
    return closed(whatIsMissing(key, scheme));
  }
}

function whatIsMissing(key: string, scheme: JsonObject): string {
  const words = `it asks for ${JSON.stringify(key.slice(0, 60))}`;
  switch (scheme['type']) {
    case 'openIdConnect':
      return `${words}: add an authenticator to auth.jwt with the issuer behind ${shownUrl(scheme['openIdConnectUrl'])} and the audience of your tokens`;
    case 'oauth2':
      return `${words}: add an authenticator to auth.jwt with the issuer and the audience of its access tokens`;
    case 'mutualTLS':
      return `${words}: add an authenticator to auth.mtls with the file of its authorities`;
    case 'http':
      return scheme['scheme'] === 'bearer'
        ? `${words}: add an authenticator to auth.jwt with the issuer and the audience of its tokens`
        : `${words}, for which there is no authenticator: choose another`;
    default:
      return `${words}, for which there is no authenticator: choose another`;
  }
}

function shownUrl(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 200) : 'its URL';
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function authName(key: string): string {
  const made = key
    .replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '-')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '')
    .slice(0, 63);
  return made === '' ? 'callers' : made;
}
