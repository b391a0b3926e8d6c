import { REASONS } from '../../identity/index.ts';
import type { Authenticator, Credentials, KnownCaller, Verdict } from '../../identity/index.ts';
import type { AuthKind } from '../../manifest/index.ts';

/** An authenticator that is still being made ready. Until it is, requests wait; where it cannot be, nobody is let in. */
export class OpeningAuthenticator implements Authenticator {
  readonly kind: AuthKind;
  readonly name: string;
  readonly needsBody = false;
  readonly challenge = null;
  readonly #opening: Promise<Authenticator>;
  #opened: Authenticator | null = null;
  #isClosed = false;

  constructor(kind: AuthKind, name: string, opening: Promise<Authenticator>) {
    this.kind = kind;
    this.name = name;
    this.#opening = opening;
    opening.then(
      (opened) => {
        this.#opened = opened;
        if (this.#isClosed) opened.close();
      },
      () => undefined,
    );
  }

  authenticate(credentials: Credentials): Verdict | Promise<Verdict> {
    if (this.#opened !== null) return this.#opened.authenticate(credentials);
    return this.#opening.then(
      (opened) => opened.authenticate(credentials),
      () => ({ ok: false, reason: REASONS.unavailable }),
    );
  }

  isCurrent(caller: KnownCaller): boolean {
    return this.#opened?.isCurrent(caller) ?? false;
  }

  close(): void {
    this.#isClosed = true;
    this.#opened?.close();
  }
}
