import { createHmac, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { CordonError } from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import { placeOf, type Vault } from '../vault/index.ts';
import { statement } from './statements.ts';

/** What the log needs of the vault. */
export type EventSealer = Pick<Vault, 'seal' | 'open'>;

const KEY_BYTES = 32;
const FIRST_VERSION = 1;

/** A key with which the host signs the events of a project, and hides what it has to compare. */
export class SigningKey {
  readonly version: number;
  readonly #key: KeyObject;

  /** Takes `bytes` over and erases them. */
  constructor(version: number, bytes: Uint8Array) {
    this.version = version;
    this.#key = createSecretKey(bytes);
    bytes.fill(0);
  }

  /** HMAC-SHA-256 (RFC 2104). */
  sign(text: string): Buffer {
    return createHmac('sha256', this.#key).update('cordon event signature\n').update(text).digest();
  }

  /** A name for a text that says nothing of it, lower-case hex. */
  nameOf(kind: 'key' | 'order', lane: string, text: string): string {
    const names = JSON.stringify([kind, lane, text]);
    return createHmac('sha256', this.#key).update('cordon event name\n').update(names).digest('hex');
  }
}

/** All signing keys of a project, the current one first. */
export interface SigningKeyring {
  readonly current: SigningKey;
  find(version: number): SigningKey | null;
}

/** The signing keys of projects, made when they are first needed. */
export class SigningKeys {
  readonly #store: Store;
  readonly #sealer: EventSealer;
  readonly #open = new Map<string, SigningKeyring>();
  readonly #opening = new Map<string, Promise<SigningKeyring>>();

  constructor(store: Store, sealer: EventSealer) {
    this.#store = store;
    this.#sealer = sealer;
  }

  /** The keys themselves while they are in memory. Errors: those of the vault and of the store. */
  get(project: string): SigningKeyring | Promise<SigningKeyring> {
    const open = this.#open.get(project);
    if (open !== undefined) return open;
    let opening = this.#opening.get(project);
    if (opening === undefined) {
      opening = this.#load(project).finally(() => this.#opening.delete(project));
      this.#opening.set(project, opening);
    }
    return opening;
  }

  async #load(project: string): Promise<SigningKeyring> {
    let rows = await this.#read(project);
    if (rows.length === 0) {
      await this.#make(project);
      rows = await this.#read(project);
    }
    const keys: SigningKey[] = [];
    for (const { version, key } of rows) {
      const number = Number(version);
      const opened = await this.#sealer.open(project, signingKeyPlace(number), key);
      if (opened.byteLength !== KEY_BYTES)
        throw new CordonError('CORDON_SEAL_BROKEN', 'A key that signs events has another length.');
      keys.push(new SigningKey(number, opened));
    }
    const [current] = keys;
    if (current === undefined) throw new CordonError('CORDON_INTERNAL', 'A key that was just made is gone.');
    const ring = {
      current,
      find: (version: number) => keys.find((key) => key.version === version) ?? null,
    };
    this.#open.set(project, ring);
    return ring;
  }

  #read(project: string): Promise<{ version: number | string; key: Uint8Array }[]> {
    const text = 'select version, key from event_signing_keys where project = ? order by version desc';
    return this.#store.query(statement(this.#store, text, [project]));
  }

  /** Where another was quicker, its key stands. */
  async #make(project: string): Promise<void> {
    const key = randomBytes(KEY_BYTES);
    const sealed = await this.#sealer.seal(project, signingKeyPlace(FIRST_VERSION), key);
    key.fill(0);
    const text =
      'insert into event_signing_keys (project, version, key) values (?, ?, ?) on conflict do nothing';
    await this.#store.commit([statement(this.#store, text, [project, FIRST_VERSION, sealed])]);
  }
}

export function signingKeyPlace(version: number): string {
  return placeOf('event-signing-key', String(version));
}
