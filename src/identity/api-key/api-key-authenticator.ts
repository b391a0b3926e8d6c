import type { ApiKeySpec } from '../../manifest/index.ts';
import { bearerToken } from '../bearer.ts';
import type { Authenticator, Credentials, KnownCaller, Verdict } from '../port.ts';
import { REASONS, refused } from '../reasons.ts';
import type { ApiKeyStore, KeyRealm } from './api-key-store.ts';
import { keyIdIn } from './key-text.ts';

const FIELD = 'x-api-key';

export interface ApiKeyAuthenticatorOptions {
  /** Name in the manifest. */
  readonly name: string;
  readonly spec: ApiKeySpec;
  readonly project: string;
  readonly app: string;
  readonly keys: ApiKeyStore;
}

/**
 * Callers with an API key, in `Authorization: Bearer` or in `X-Api-Key`, never in both. It answers at once and
 * from memory, so a valid key is let in whatever else its source does. Scopes that the manifest does not list
 * any more are not reported.
 *
 * Failures: they look alike, and none leaves out the hash or the comparison. A text that is no key, or whose
 * checksum is wrong, is hashed at a fixed length; the ids of keys are public.
 */
export class ApiKeyAuthenticator implements Authenticator {
  readonly kind = 'apiKey';
  readonly name: string;
  readonly needsBody = false;
  readonly challenge = 'Bearer';
  readonly #realm: KeyRealm;
  readonly #scopes: ReadonlySet<string>;
  readonly #keys: ApiKeyStore;

  constructor({ name, spec, project, app, keys }: ApiKeyAuthenticatorOptions) {
    this.name = name;
    this.#realm = { project, app, authenticator: name };
    this.#scopes = new Set(spec.scopes);
    this.#keys = keys;
  }

  /** The verdict: a key is judged without any work to speak of. */
  known(credentials: Credentials): Verdict {
    return this.authenticate(credentials);
  }

  /** Id of the key that is claimed; null where there is none. */
  claimed(credentials: Credentials): string | null {
    const text = textIn(credentials);
    return text === null ? null : keyIdIn(text);
  }

  authenticate(credentials: Credentials): Verdict {
    const text = textIn(credentials);
    const found = this.#keys.verify(text, this.#realm);
    if (typeof found !== 'string') return { ok: true, caller: this.#callerOf(found) };
    if (credentials.authorization === null && credentials.field(FIELD) === null)
      return refused(REASONS.missing);
    return refused(text === null ? 'no API key, or two' : found);
  }

  isCurrent({ authenticator, credential }: KnownCaller): boolean {
    return authenticator === this.#title && this.#keys.isCurrent(credential, this.#realm);
  }

  /** The store of the keys stays open; it is not this authenticator's alone. */
  close(): void {
    // Nothing goes on in the background.
  }

  get #title(): string {
    return `apiKey:${this.name}`;
  }

  #callerOf({
    id,
    scopes,
    expiresAt,
  }: {
    id: string;
    scopes: readonly string[];
    expiresAt: number | null;
  }): KnownCaller {
    return {
      kind: 'key',
      authenticator: this.#title,
      subject: id,
      credential: id,
      scopes: scopes.filter((scope) => this.#scopes.has(scope)),
      claims: {},
      expiresAt,
    };
  }
}

/** The one text that is shown; null where there is none, or more than one. */
function textIn(credentials: Credentials): string | null {
  const { authorization } = credentials;
  const field = credentials.field(FIELD);
  if (authorization === null) return field;
  return field === null ? bearerToken(authorization) : null;
}
