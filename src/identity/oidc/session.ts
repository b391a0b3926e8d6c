import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { CordonError, LIMITS } from '../../contract/index.ts';
import { placeOf, sealedVersion } from '../../vault/index.ts';
import type { Vault } from '../../vault/index.ts';

/** A login that has ended well, as its cookie holds it. Times in ms since the epoch. */
export interface Session {
  readonly id: string;
  readonly subject: string;
  /** Of the ID token: those that the manifest declared then. */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly expiresAt: number;
  /** Where it was begun, such as `https://shop.example`: it is good nowhere else. */
  readonly origin: string;
}

/** A login that is under way. */
export interface PendingLogin {
  readonly state: string;
  readonly nonce: string;
  /** Of PKCE. */
  readonly verifier: string;
  /** Path to lead back to. */
  readonly to: string;
  readonly origin: string;
  readonly expiresAt: number;
}

const sessionSchema = z.strictObject({
  id: z.string(),
  subject: z.string(),
  claims: z.record(z.string(), z.unknown()),
  expiresAt: z.number(),
  origin: z.string(),
});
const pendingSchema = z.strictObject({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  to: z.string(),
  origin: z.string(),
  expiresAt: z.number(),
});

const SESSION_ID = /^([0-9a-z]{1,11})\.[A-Za-z0-9_-]{22}$/;

/** Id of a session that begins now; the time is in it. */
export function newSessionId(now: number): string {
  return `${now.toString(36)}.${randomBytes(16).toString('base64url')}`;
}

/** When a session began, ms since the epoch; never, for what is no id: it has ended for certain. */
export function beginningOf(id: string): number {
  const [, time = ''] = SESSION_ID.exec(id) ?? [];
  return time === '' ? Number.NEGATIVE_INFINITY : Number.parseInt(time, 36);
}

export interface CookieSealsOptions {
  /** Its keys are kept in the store, so a login survives a restart, and ends when the project is shredded. */
  readonly vault: Pick<Vault, 'seal' | 'open'>;
  readonly project: string;
  /**
   * What a cookie is for, such as app, authenticator, issuer and client: it opens for exactly this, so that
   * a cookie of one is nothing to another, and another provider starts anew.
   */
  readonly scope: readonly string[];
}

/** What a cookie holds: `null` when it was not sealed here for this. */
type Opened<T> = T | null | Promise<T | null>;

/** Seals what is kept in the cookies of an authenticator, with AES-256-GCM under the keys of the project. */
export class CookieSeals {
  readonly #vault: CookieSealsOptions['vault'];
  readonly #project: string;
  readonly #sessionPlace: string;
  readonly #pendingPlace: string;
  /** Of data keys under which cookies opened or were sealed. */
  readonly #versions = new Set<number>();
  #lookups = 0;

  constructor({ vault, project, scope }: CookieSealsOptions) {
    this.#vault = vault;
    this.#project = project;
    this.#sessionPlace = placeOf('oidc session', ...scope);
    this.#pendingPlace = placeOf('oidc login', ...scope);
  }

  /** Errors: those of `Vault.seal`. */
  sealSession(session: Session): Promise<string> {
    return this.#seal(this.#sessionPlace, session);
  }

  sealPending(pending: PendingLogin): Promise<string> {
    return this.#seal(this.#pendingPlace, pending);
  }

  /** Errors: those of `Vault.open` that say nothing about the value, such as CORDON_KEY_UNAVAILABLE. */
  openSession(value: string): Opened<Session> {
    return this.#open(this.#sessionPlace, value, sessionSchema);
  }

  openPending(value: string): Opened<PendingLogin> {
    return this.#open(this.#pendingPlace, value, pendingSchema);
  }

  async #seal(place: string, value: Session | PendingLogin): Promise<string> {
    const sealed = await this.#vault.seal(this.#project, place, Buffer.from(JSON.stringify(value)));
    this.#versions.add(sealedVersion(sealed));
    return Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength).toString('base64url');
  }

  #open<T>(place: string, value: string, schema: z.ZodType<T>): Opened<T> {
    if (value.length > LIMITS.oidcCookieBytesMax.value) return null;
    const sealed = Buffer.from(value, 'base64url');
    // One spelling for each value.
    if (sealed.toString('base64url') !== value) return null;
    try {
      const version = sealedVersion(sealed);
      if (!this.#versions.has(version)) return this.#openUnmet(place, sealed, version, schema);
      const opened = this.#vault.open(this.#project, place, sealed);
      if (!(opened instanceof Promise)) return parse(opened, schema);
      return opened.then((bytes) => parse(bytes, schema), nullWhenForeign);
    } catch (thrown) {
      return nullWhenForeign(thrown);
    }
  }

  /** A made-up version costs a look into the store, so strangers may cause only so many at a time. */
  async #openUnmet<T>(
    place: string,
    sealed: Buffer,
    version: number,
    schema: z.ZodType<T>,
  ): Promise<T | null> {
    if (this.#lookups >= LIMITS.oidcKeyLookupsMax.value)
      throw new CordonError(
        'CORDON_KEY_UNAVAILABLE',
        'Too many cookies wait for keys that were not met before.',
      );
    this.#lookups += 1;
    try {
      const bytes = await this.#vault.open(this.#project, place, sealed);
      this.#versions.add(version);
      return parse(bytes, schema);
    } catch (thrown) {
      return nullWhenForeign(thrown);
    } finally {
      this.#lookups -= 1;
    }
  }
}

function parse<T>(bytes: Uint8Array, schema: z.ZodType<T>): T | null {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  return schema.safeParse(JSON.parse(text)).data ?? null;
}

const FOREIGN: ReadonlySet<unknown> = new Set([
  'CORDON_SEAL_BROKEN',
  'CORDON_KEY_MISSING',
  'CORDON_KEY_SHREDDED',
]);

function nullWhenForeign(thrown: unknown): null {
  if (thrown instanceof Error && FOREIGN.has((thrown as { readonly code?: unknown }).code)) return null;
  throw thrown;
}
