import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { LIMITS } from '../../contract/index.ts';
import type { Clock } from '../../contract/index.ts';
import type { WebhookSpec } from '../../manifest/index.ts';
import type { Authenticator, Credentials, KnownCaller, Verdict } from '../port.ts';
import { REASONS, refused } from '../reasons.ts';
import { ReplayCache } from '../replay-cache.ts';
import { signatureScheme } from './signed-delivery.ts';
import type { SignatureScheme, SignedDelivery } from './signed-delivery.ts';

const SIGNATURE_FIELDS = [
  'webhook-signature',
  'x-hub-signature-256',
  'stripe-signature',
  'x-slack-signature',
];

export interface WebhookOptions {
  /** Name in the manifest. */
  readonly name: string;
  readonly spec: WebhookSpec;
  /**
   * The value of a secret of the project, null when there is none. It is asked at every delivery, so that a
   * secret that was changed or deleted is no longer accepted: what it remembers it has to forget at once, as
   * `SecretStore.get` does.
   */
  readonly secret: (name: string) => Promise<string | null>;
  readonly clock: Clock;
  /**
   * What has been delivered already. Give the same one to every authenticator of this app and name, so that
   * a new deployment does not forget. Default: one of its own.
   */
  readonly replays?: ReplayCache;
}

/**
 * Deliveries of a sender that shares a secret. Accepts each once: dated ones within the tolerance of the
 * manifest, into the past and into the future, and not from before the start of the process, which cannot
 * know whether it was accepted then; those of GitHub, which are not dated, once in `webhookUntimedReplayMs`.
 * Every secret is tried against every signature in constant time, whatever matched before.
 */
export class WebhookAuthenticator implements Authenticator {
  readonly kind = 'webhook';
  readonly name: string;
  readonly needsBody = true;
  readonly challenge = null;
  readonly #spec: WebhookSpec;
  readonly #scheme: SignatureScheme;
  readonly #secret: WebhookOptions['secret'];
  readonly #clock: Clock;
  readonly #replays: ReplayCache;
  /** By what each delivery that was let in is remembered. */
  readonly #names = new WeakMap<KnownCaller, readonly string[]>();

  constructor({ name, spec, secret, clock, replays = new ReplayCache(clock) }: WebhookOptions) {
    this.name = name;
    this.#spec = spec;
    this.#scheme = signatureScheme(spec.scheme, LIMITS.webhookSignaturesMax.value);
    this.#secret = secret;
    this.#clock = clock;
    this.#replays = replays;
  }

  async authenticate(credentials: Credentials): Promise<Verdict> {
    const { body } = credentials;
    if (body === null) return refused('the body is not there');
    if (SIGNATURE_FIELDS.some((name) => isTooLong(credentials.field(name))))
      return refused('the signature field is too long');
    const delivery = this.#scheme.read(credentials);
    if (typeof delivery === 'string') return refused(delivery);
    const untimely = this.#untimely(delivery.signedAt);
    if (untimely !== null) return refused(untimely);
    const signed = await this.#signedWith(delivery, body);
    if (typeof signed === 'string') return refused(signed);
    const names = namesOf(delivery, body);
    switch (this.#replays.remember(names, this.#until(delivery.signedAt))) {
      case 'seen':
        return refused('replayed');
      case 'full':
        return refused(REASONS.unavailable);
      case 'new':
        return { ok: true, caller: this.#letIn(signed.secret, names) };
    }
  }

  /** A delivery is one request; there is nothing of it that could go on. */
  isCurrent(_caller: KnownCaller): boolean {
    return true;
  }

  revoke(caller: KnownCaller): void {
    for (const name of this.#names.get(caller) ?? []) this.#replays.forget(name);
    this.#names.delete(caller);
  }

  close(): void {}

  #letIn(secret: string, names: readonly string[]): KnownCaller {
    const caller = this.#caller(secret);
    this.#names.set(caller, names);
    return caller;
  }

  #untimely(signedAt: number | null): string | null {
    if (signedAt === null) return null;
    const now = this.#clock.now();
    const at = signedAt * 1000;
    if (at < now - this.#spec.toleranceMs) return 'too old';
    if (at > now + this.#spec.toleranceMs) return 'from the future';
    // To the second, as that is how it is dated.
    return signedAt < Math.floor(this.#replays.startedAt / 1000) ? 'from before the start' : null;
  }

  /** When the same delivery would be refused for its age, or has been remembered long enough. */
  #until(signedAt: number | null): number {
    if (signedAt === null) return this.#clock.now() + LIMITS.webhookUntimedReplayMs.value;
    return signedAt * 1000 + this.#spec.toleranceMs + 1;
  }

  /** The secret that signed the delivery, or why there is none. */
  async #signedWith(
    { prefix, signatures }: SignedDelivery,
    body: Uint8Array,
  ): Promise<{ readonly secret: string } | string> {
    let found: { readonly secret: string } | null = null;
    let unusable: string | null = null;
    for (const name of this.#spec.secrets) {
      const key = await this.#keyOf(name);
      if (typeof key === 'string') {
        unusable ??= key;
        continue;
      }
      const signature = createHmac('sha256', key).update(prefix).update(body).digest();
      key.fill(0);
      let matches = false;
      // No way out of the loop: time must not say which of them matched.
      for (const sent of signatures) matches = timingSafeEqual(sent, signature) || matches;
      if (matches) found ??= { secret: name };
    }
    return found ?? unusable ?? 'wrong signature';
  }

  async #keyOf(name: string): Promise<Buffer | string> {
    let value: string | null;
    try {
      value = await this.#secret(name);
    } catch {
      return REASONS.unavailable;
    }
    if (value === null) return `the secret ${name} does not exist`;
    return this.#scheme.keyOf(value) ?? `the secret ${name} is no key of this scheme`;
  }

  #caller(secret: string): KnownCaller {
    return {
      kind: 'webhook',
      authenticator: `webhook:${this.name}`,
      subject: `${this.#spec.scheme}:${this.name}`,
      credential: secret,
      scopes: [],
      claims: {},
      expiresAt: null,
    };
  }
}

/**
 * Names by which a delivery is known again, whichever secret and signature it comes with. A retry of a dated
 * one has the same id and another time, and is welcome. GitHub does not sign the id, so a replay could
 * change it: there the body alone is enough, and the id alone too.
 */
function namesOf({ prefix, signedAt, id }: SignedDelivery, body: Uint8Array): readonly string[] {
  // Half of the digest tells deliveries apart, and there may be many.
  const digest = createHash('sha256').update(prefix).update(body).digest().toString('latin1', 0, 16);
  return signedAt === null && id !== null ? [digest, `id ${id.toLowerCase()}`] : [digest];
}

function isTooLong(value: string | null): boolean {
  return value !== null && value.length > LIMITS.webhookFieldBytesMax.value;
}
