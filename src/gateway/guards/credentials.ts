import type { BrowserCredentials, ClientCertificate } from '../../identity/index.ts';
import type { Received } from '../stages/stages.ts';
import type { Target } from '../routing/target.ts';

/** Gives an authenticator what a request shows of its sender. `body`: null unless the authenticator needs it. */
export function credentialsOf(received: Received, body: Uint8Array | null): BrowserCredentials {
  return new RequestCredentials(received, body);
}

class RequestCredentials implements BrowserCredentials {
  readonly authorization: string | null;
  readonly cookie: string | null;
  readonly address: string;
  readonly body: Uint8Array | null;
  readonly #received: Received;

  constructor(received: Received, body: Uint8Array | null) {
    this.authorization = received.head.authorization;
    this.cookie = received.head.cookie;
    this.address = received.address;
    this.body = body;
    this.#received = received;
  }

  get method(): string {
    return this.#received.target.method;
  }

  get origin(): string {
    return originOf(this.#received.target);
  }

  get certificate(): ClientCertificate | null {
    return this.#received.connection.certificate;
  }

  field(name: string): string | null {
    return singleField(this.#received.head.fields, name);
  }
}

/** The origin that was asked, such as `https://shop.example`. */
export function originOf({ scheme, authority }: Target): string {
  return `${scheme}://${authority}`;
}

/** Value of the one field of a lower-case name; null where it is absent or repeated. */
export function singleField(fields: readonly string[], name: string): string | null {
  let value: string | null = null;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i]?.toLowerCase() !== name) continue;
    if (value !== null) return null;
    value = fields[i + 1] ?? '';
  }
  return value;
}
