import { hash } from 'node:crypto';
import { createRequire } from 'node:module';
import type * as Iovalkey from 'iovalkey';
import type { Redis } from 'iovalkey';
import { CordonError, LIMITS } from '../contract/index.ts';
import type { Secret } from '../contract/index.ts';

export interface ValkeyLinkOptions {
  /** `rediss://` or, to loopback, `redis://`, with user, password and number of the database. */
  readonly url: Secret;
  /** Allows `redis://` to other machines. Default false. */
  readonly unsafePlaintext?: boolean;
  /** Certificates (PEM) of the authorities to believe. Default: those of the system. */
  readonly ca?: string;
  /** Random number from 0 to below 1. */
  readonly random: () => number;
  /** Told once when it is lost and once when it is back. `reason` holds no secret. */
  readonly changed: (up: boolean, reason: string) => void;
}

const load = createRequire(import.meta.url);
const RETRY_FIRST_MS = 50;
const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);
const WORD = /^[A-Z][A-Z0-9_]{1,40}\b/;

/**
 * The connection to Valkey as a fuse: one question that fails, or takes too long, opens it, and from then on
 * nobody waits. It closes again once a new connection has answered.
 */
export class ValkeyLink {
  readonly #redis: Redis;
  readonly #options: ValkeyLinkOptions;
  readonly #script: string;
  readonly #digest: string;
  #up = false;
  #told = true;
  #attempts = 0;
  #waiting = 0;
  #closed = false;

  constructor(script: string, options: ValkeyLinkOptions) {
    checkUrl(options);
    this.#options = options;
    this.#script = script;
    this.#digest = hash('sha1', script);
    // Loaded by those who ask for it.
    const { Redis } = load('iovalkey') as typeof Iovalkey;
    this.#redis = new Redis(options.url.reveal(), {
      lazyConnect: true,
      connectTimeout: LIMITS.countersConnectTimeoutMs.value,
      commandTimeout: LIMITS.countersTimeoutMs.value,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      autoResendUnfulfilledCommands: false,
      retryStrategy: () => this.#pauseMs(),
      ...(options.ca === undefined ? {} : { tls: { ca: options.ca } }),
    });
    this.#redis.on('error', (error: unknown) => this.#lost(reasonOf(error)));
    this.#redis.on('close', () => this.#lost('closed'));
    this.#redis.on('ready', () => void this.#probe());
  }

  /** True while questions may be asked. */
  get up(): boolean {
    return this.#up && this.#waiting < LIMITS.countersWaitingMax.value;
  }

  /** Resolves once the first try has succeeded or failed. */
  async open(): Promise<void> {
    await this.#redis.connect().catch(() => undefined);
    if (!this.#closed) await this.#probe();
  }

  /** Runs the script. Throws whatever went wrong, after which the link is down. */
  async run(keys: readonly string[], values: readonly (string | number)[]): Promise<unknown> {
    this.#waiting += 1;
    try {
      return await this.#evaluate(keys, values);
    } catch (thrown) {
      this.#fail(thrown);
      throw thrown;
    } finally {
      this.#waiting -= 1;
    }
  }

  close(): void {
    this.#closed = true;
    this.#up = false;
    this.#redis.disconnect();
  }

  async #evaluate(keys: readonly string[], values: readonly (string | number)[]): Promise<unknown> {
    try {
      return await this.#redis.evalsha(this.#digest, keys.length, ...keys, ...values);
    } catch (thrown) {
      // A server that was restarted does not know the script.
      if (reasonOf(thrown) !== 'NOSCRIPT') throw thrown;
      return this.#redis.eval(this.#script, keys.length, ...keys, ...values);
    }
  }

  async #probe(): Promise<void> {
    if (this.#up || this.#redis.status !== 'ready') {
      if (!this.#up) this.#lost('unreachable');
      return;
    }
    try {
      await this.#redis.script('LOAD', this.#script);
    } catch (thrown) {
      this.#fail(thrown);
      return;
    }
    if (this.#closed) return;
    this.#up = true;
    this.#attempts = 0;
    if (this.#told) return;
    this.#told = true;
    this.#options.changed(true, 'answers again');
  }

  #fail(thrown: unknown): void {
    this.#lost(reasonOf(thrown));
    // What hangs, or answers out of turn, is not asked again on this connection.
    if (!this.#closed && this.#redis.status === 'ready') this.#redis.disconnect(true);
  }

  #lost(reason: string): void {
    this.#up = false;
    if (!this.#told || this.#closed) return;
    this.#told = false;
    this.#options.changed(false, reason);
  }

  #pauseMs(): number {
    const pause = Math.min(RETRY_FIRST_MS * 2 ** this.#attempts, LIMITS.countersRetryMsMax.value);
    this.#attempts = Math.min(this.#attempts + 1, 10);
    return pause * (0.5 + this.#options.random() / 2);
  }
}

function checkUrl({ url, unsafePlaintext }: ValkeyLinkOptions): void {
  const parsed = URL.parse(url.reveal());
  if (parsed?.protocol === 'rediss:') return;
  if (parsed?.protocol !== 'redis:')
    throw new CordonError(
      'CORDON_COUNTERS_INVALID',
      'Cannot use the URL of Valkey: expected rediss:// or redis://.',
    );
  if (unsafePlaintext === true || LOOPBACK.has(parsed.hostname)) return;
  throw new CordonError(
    'CORDON_COUNTERS_INVALID',
    'Cannot send the password of Valkey to another machine in the clear.',
  );
}

/**
 * What went wrong in one word. Not the message: a reply error carries the command that it answers, which for
 * AUTH holds the password.
 */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'unknown';
  if ('code' in thrown && typeof thrown.code === 'string') return thrown.code;
  if (thrown.message === 'Command timed out') return 'timeout';
  return WORD.exec(thrown.message)?.[0] ?? 'failed';
}
