import { randomBytes } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import { CordonError, LIMITS } from '../contract/index.ts';
import type { KeyPair } from './key-pair.ts';
import type { Certificates } from './port.ts';
import { tlsContext } from './tls-context.ts';

const TICKET_KEY_BYTES = 48;

/** A pair with what answers handshakes: `open` for callers who are not asked for a certificate. */
interface Entry {
  readonly pair: KeyPair;
  readonly open: SecureContext;
  readonly asking: SecureContext;
}

/** The certificates of a listener. They can be exchanged at any time; connections that exist go on. */
export class CertificateSet implements Certificates {
  #entries: readonly [Entry, ...Entry[]];
  #ticketKeys = randomBytes(TICKET_KEY_BYTES);
  readonly #challenges = new Map<string, SecureContext>();
  readonly #rotation: NodeJS.Timeout;

  /** The first pair answers whoever asks for no name, or for one that no pair has. Errors: CORDON_TLS_INVALID. */
  constructor(pairs: readonly KeyPair[]) {
    this.#entries = this.#entriesOf(pairs);
    this.#rotation = setInterval(() => this.rotateTicketKeys(), LIMITS.sessionTicketKeyMs.value).unref();
  }

  get pairs(): readonly KeyPair[] {
    return this.#entries.map(({ pair }) => pair);
  }

  /** Errors: CORDON_TLS_INVALID; then all stays as it was. */
  replace(pairs: readonly KeyPair[]): void {
    this.#entries = this.#entriesOf(pairs);
  }

  /** A ticket of before is worth nothing any more: its holder does a whole handshake again. */
  rotateTicketKeys(): void {
    this.#ticketKeys = randomBytes(TICKET_KEY_BYTES);
    this.#entries = this.#entriesOf(this.pairs);
  }

  contextFor(serverName: string | null, asksClient: boolean): SecureContext {
    const [fallback] = this.#entries;
    const name = serverName?.toLowerCase() ?? '';
    const entry = name === '' ? fallback : (this.#entries.find(({ pair }) => covers(pair, name)) ?? fallback);
    return asksClient ? entry.asking : entry.open;
  }

  challengeFor(serverName: string): SecureContext | null {
    return this.#challenges.get(serverName.toLowerCase()) ?? null;
  }

  /** Proves to an ACME server that a name is served here (RFC 8737), until the returned function is called. */
  prove(serverName: string, texts: { readonly certificate: string; readonly key: string }): () => void {
    const name = serverName.toLowerCase();
    this.#challenges.set(name, tlsContext(texts, { ticketKeys: null }));
    return () => this.#challenges.delete(name);
  }

  close(): void {
    clearInterval(this.#rotation);
  }

  #entriesOf(pairs: readonly KeyPair[]): readonly [Entry, ...Entry[]] {
    const [first, ...rest] = pairs;
    if (first === undefined || pairs.length > LIMITS.certificatesMax.value) {
      const message = `A listener of TLS has from 1 to ${LIMITS.certificatesMax.value} certificates, not ${pairs.length}.`;
      throw new CordonError('CORDON_TLS_INVALID', message);
    }
    return [this.#entryOf(first), ...rest.map((pair) => this.#entryOf(pair))];
  }

  #entryOf(pair: KeyPair): Entry {
    return {
      pair,
      open: tlsContext(pair, { ticketKeys: this.#ticketKeys }),
      asking: tlsContext(pair, { ticketKeys: null }),
    };
  }
}

function covers({ leaf }: KeyPair, name: string): boolean {
  return leaf.checkHost(name, { subject: 'never' }) !== undefined;
}
