import type * as OpenIdClient from 'openid-client';
import type { Configuration, CustomFetchOptions, IDToken } from 'openid-client';
import { request } from 'undici';
import { CordonError, LIMITS } from '../../contract/index.ts';
import type { Clock } from '../../contract/index.ts';
import type { OidcSpec } from '../../manifest/index.ts';
import { discover } from '../jwt/discovery.ts';
import type { IssuerMetadata } from '../jwt/discovery.ts';
import type { IssuerClient } from '../jwt/issuer-client.ts';
import type { PendingLogin } from './session.ts';

type Library = typeof OpenIdClient;

export interface ProviderOptions {
  readonly spec: OidcSpec;
  /** The only way to the provider. */
  readonly client: IssuerClient;
  /** The value of a secret of the project; null when there is none. */
  readonly secret: (name: string) => Promise<string | null>;
  readonly clock: Clock;
  /** Of one request to the provider. Default `LIMITS.oidcTimeoutMs`. */
  readonly timeoutMs?: number;
}

/** Where the callback of a login was asked for, with everything that the provider sent along. */
export interface Callback {
  readonly url: URL;
  readonly pending: PendingLogin;
}

/** The provider does not vouch for the caller. The message is for the operator. */
export class LoginRefused extends Error {
  override readonly name = 'LoginRefused';
}

/**
 * The OpenID provider of an authenticator. What it says of itself is fetched when it is needed first and
 * believed for `oidcProviderMs`; while it fails it is not asked more often than each `oidcProviderRetryMs`.
 */
export class Provider {
  readonly #options: ProviderOptions;
  #known: { readonly metadata: IssuerMetadata; readonly at: number } | null = null;
  #asking: Promise<IssuerMetadata> | null = null;
  #failed: { readonly error: unknown; readonly at: number } | null = null;
  #exchanges = 0;
  /** Keys of the provider as the library keeps them: it fetches others for a key that it does not know. */
  #keys: Parameters<Library['setJwksCache']>[1] | undefined;

  constructor(options: ProviderOptions) {
    this.#options = options;
  }

  /** Where the browser goes to log in (RFC 6749 section 4.1.1, RFC 7636). Errors: CORDON_LOGIN_UNAVAILABLE. */
  loginUrl({ state, nonce, verifier }: PendingLogin, redirectUri: string): Promise<URL> {
    return this.#conversing(async (library, configuration) =>
      library.buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUri,
        scope: this.#options.spec.scopes.join(' '),
        state,
        nonce,
        code_challenge: await library.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      }),
    );
  }

  /**
   * Exchanges the code for an ID token, and verifies it: signature, issuer, audience, times, nonce; before that
   * the state, and the issuer of the answer where the provider says it (RFC 9207).
   * Errors: LoginRefused, CORDON_LOGIN_UNAVAILABLE.
   */
  async finish({ url, pending }: Callback): Promise<IDToken> {
    const most = LIMITS.oidcExchangesMax.value;
    // Anyone can begin a login and make up a code for it; that must not become a flood for the provider.
    if (this.#exchanges >= most)
      throw new CordonError('CORDON_LOGIN_UNAVAILABLE', `More than ${most} logins talk to the provider.`);
    this.#exchanges += 1;
    try {
      return await this.#exchange(url, pending);
    } finally {
      this.#exchanges -= 1;
    }
  }

  /** Where the browser goes to log out at the provider too; null where the provider has no such place. */
  logoutUrl(): Promise<URL | null> {
    return this.#conversing(async (library, configuration) =>
      configuration.serverMetadata().end_session_endpoint === undefined
        ? null
        : library.buildEndSessionUrl(configuration, {}),
    );
  }

  #exchange(url: URL, pending: PendingLogin): Promise<IDToken> {
    return this.#conversing(async (library, configuration) => {
      const tokens = await library.authorizationCodeGrant(configuration, url, {
        pkceCodeVerifier: pending.verifier,
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (claims === undefined) throw new LoginRefused('no ID token');
      return claims;
    });
  }

  async #conversing<T>(work: (library: Library, configuration: Configuration) => Promise<T>): Promise<T> {
    try {
      // Loaded by the first login: most servers have none.
      const library = await import('openid-client');
      const configuration = await this.#configure(library);
      try {
        return await work(library, configuration);
      } finally {
        this.#keys = library.getJwksCache(configuration) ?? this.#keys;
      }
    } catch (thrown) {
      throw asLoginError(thrown);
    }
  }

  async #configure(library: Library): Promise<Configuration> {
    const { spec, client, secret } = this.#options;
    const { document } = await this.#metadata();
    let value: string | null = null;
    if (spec.clientSecret !== null) {
      value = await secret(spec.clientSecret);
      if (value === null)
        throw new CordonError('CORDON_LOGIN_UNAVAILABLE', `The secret ${spec.clientSecret} does not exist.`);
    }
    const configuration = new library.Configuration(
      document as ConstructorParameters<Library['Configuration']>[0],
      spec.clientId,
      {},
      authenticationOf(library, document, value),
    );
    configuration[library.customFetch] = (url, options) => boundedFetch(client, url, options);
    configuration.timeout = (this.#options.timeoutMs ?? LIMITS.oidcTimeoutMs.value) / 1000;
    // The library trusts the connection otherwise; a proxy on the way may end it.
    library.enableNonRepudiationChecks(configuration);
    if (spec.unsafePrivate && spec.issuer.startsWith('http:')) library.allowInsecureRequests(configuration);
    if (this.#keys !== undefined) library.setJwksCache(configuration, this.#keys);
    return configuration;
  }

  async #metadata(): Promise<IssuerMetadata> {
    const now = this.#options.clock.monotonic();
    if (this.#known !== null && now - this.#known.at < LIMITS.oidcProviderMs.value)
      return this.#known.metadata;
    if (this.#failed !== null && now - this.#failed.at < LIMITS.oidcProviderRetryMs.value)
      throw this.#failed.error;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #ask(): Promise<IssuerMetadata> {
    const { client, spec, clock } = this.#options;
    try {
      const metadata = await discover(client, spec.issuer);
      this.#known = { metadata, at: clock.monotonic() };
      this.#failed = null;
      return metadata;
    } catch (error) {
      this.#failed = { error, at: clock.monotonic() };
      throw error;
    }
  }
}

/** OpenID Connect Discovery 1.0 section 3: without the list it is client_secret_basic. */
function authenticationOf(
  library: Library,
  document: Readonly<Record<string, unknown>>,
  secret: string | null,
): ReturnType<Library['None']> {
  if (secret === null) return library.None();
  const methods = document['token_endpoint_auth_methods_supported'] ?? ['client_secret_basic'];
  if (Array.isArray(methods) && methods.includes('client_secret_basic'))
    return library.ClientSecretBasic(secret);
  if (Array.isArray(methods) && methods.includes('client_secret_post'))
    return library.ClientSecretPost(secret);
  throw new CordonError(
    'CORDON_LOGIN_UNAVAILABLE',
    'The provider takes a client secret neither by client_secret_basic nor by client_secret_post.',
  );
}

/** What the library asks for, through the guard, whole or not at all. */
async function boundedFetch(
  client: IssuerClient,
  url: string,
  options: CustomFetchOptions,
): Promise<Response> {
  const parsed = client.checkUrl(url);
  const { body: content } = options;
  if (content !== undefined && content !== null && !(content instanceof URLSearchParams))
    throw new CordonError('CORDON_INTERNAL', 'A request to a provider has a body of an unexpected kind.');
  const { statusCode, headers, body } = await request(parsed, {
    dispatcher: client.dispatcher,
    method: options.method === 'POST' ? 'POST' : 'GET',
    headers: options.headers,
    body: content?.toString() ?? null,
    signal: options.signal ?? client.deadline(),
  });
  // What is left of an answer that is refused is not waited for.
  body.on('error', () => undefined);
  try {
    const type = headers['content-type'];
    const encoding = headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity')
      throw new CordonError(
        'CORDON_EGRESS_FAILED',
        `${parsed.host} encodes an answer though nothing asked for it.`,
      );
    const pieces: Buffer[] = [];
    let bytes = 0;
    for await (const piece of body as AsyncIterable<Buffer>) {
      bytes += piece.byteLength;
      if (bytes > LIMITS.oidcAnswerBytesMax.value)
        throw new CordonError('CORDON_EGRESS_TOO_LARGE', `${parsed.host} answers more than a provider may.`);
      pieces.push(piece);
    }
    const isEmpty = statusCode === 204 || statusCode === 205 || statusCode === 304;
    return new Response(isEmpty ? null : Buffer.concat(pieces), {
      // An informational answer is none; anything below 200 would not make a Response.
      status: statusCode < 200 ? 502 : statusCode,
      headers: typeof type === 'string' ? { 'content-type': type } : {},
    });
  } finally {
    body.destroy();
  }
}

/** What the library says when an answer, a token or a code is not good, rather than not there. */
const REFUSALS: ReadonlySet<string> = new Set([
  'OAUTH_AUTHORIZATION_RESPONSE_ERROR',
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
  'OAUTH_KEY_SELECTION_FAILED',
  'OAUTH_UNSUPPORTED_OPERATION',
]);
/** RFC 6749 section 5.2: what is wrong with the code, and not with this client. */
const CODE_REFUSALS: ReadonlySet<unknown> = new Set(['invalid_grant', 'access_denied']);

function asLoginError(thrown: unknown): Error {
  if (thrown instanceof LoginRefused) return thrown;
  if (thrown instanceof CordonError && thrown.code === 'CORDON_LOGIN_UNAVAILABLE') return thrown;
  const { code, error } = (thrown ?? {}) as { readonly code?: unknown; readonly error?: unknown };
  const why = describe(thrown);
  if (typeof code === 'string' && REFUSALS.has(code)) return new LoginRefused(why, { cause: thrown });
  if (code === 'OAUTH_RESPONSE_BODY_ERROR' && CODE_REFUSALS.has(error))
    return new LoginRefused(`${why}: ${String(error)}`, { cause: thrown });
  return new CordonError('CORDON_LOGIN_UNAVAILABLE', `The provider cannot be used: ${why}.`, {
    cause: thrown,
  });
}

/** Messages of the library are its own words; what the provider wrote is in their causes, and stays there. */
function describe(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'unknown error';
  const { message, cause } = thrown;
  return cause instanceof Error && cause.message !== message ? `${message}: ${cause.message}` : message;
}
