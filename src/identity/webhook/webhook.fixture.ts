import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { Clock } from '../../contract/index.ts';
import type { WebhookScheme, WebhookSpec } from '../../manifest/index.ts';
import type { Credentials, Verdict } from '../port.ts';
import { ReplayCache } from '../replay-cache.ts';
import { WebhookAuthenticator } from './index.ts';

export type Fields = Readonly<Record<string, string | readonly string[]>>;

export const NOW_MS = 1_800_000_000_000;
export const NOW = NOW_MS / 1000;
export const KEY = Buffer.alloc(32, 7);
export const STANDARD_SECRET = `whsec_${KEY.toString('base64')}`;
export const TEXT_SECRET = 'a secret of text';
export const BODY = Buffer.from('{"order":1}');

export function clockAt(start = NOW_MS): Clock & { move(ms: number): void } {
  let now = start;
  return { now: () => now, monotonic: () => now, move: (ms) => void (now += ms) };
}

export function credentialsOf(fields: Fields, body: Uint8Array | null = BODY): Credentials {
  return {
    authorization: null,
    cookie: null,
    // As the gateway has it: null where a field is absent or repeated.
    field: (name) => (typeof fields[name] === 'string' ? fields[name] : null),
    certificate: null,
    body,
    address: '192.0.2.1',
  };
}

export function hmac(secret: string | Buffer, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const mac = createHmac('sha256', secret);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

export interface Signing {
  readonly body?: Uint8Array;
  readonly at?: number;
  readonly id?: string;
  readonly secret?: string;
}

/** Signs as the sender does. */
export const SIGN: Readonly<Record<WebhookScheme, (signing?: Signing) => Record<string, string>>> = {
  standard({ body = BODY, at = NOW, id = 'msg_1', secret = STANDARD_SECRET } = {}) {
    const text = Buffer.from(body).toString();
    return {
      'webhook-id': id,
      'webhook-timestamp': String(at),
      'webhook-signature': new Webhook(secret).sign(id, new Date(at * 1000), text),
    };
  },
  github({ body = BODY, id = '72d3162e-cc78-11e3-81ab-4c9367dc0958', secret = TEXT_SECRET } = {}) {
    return { 'x-github-delivery': id, 'x-hub-signature-256': `sha256=${hmac(secret, body).toString('hex')}` };
  },
  stripe({ body = BODY, at = NOW, secret = TEXT_SECRET } = {}) {
    return { 'stripe-signature': `t=${at},v1=${hmac(secret, `${at}.`, body).toString('hex')}` };
  },
  slack({ body = BODY, at = NOW, secret = TEXT_SECRET } = {}) {
    return {
      'x-slack-request-timestamp': String(at),
      'x-slack-signature': `v0=${hmac(secret, `v0:${at}:`, body).toString('hex')}`,
    };
  },
};
export const SCHEMES = Object.keys(SIGN) as WebhookScheme[];
export const DATED: readonly WebhookScheme[] = ['standard', 'stripe', 'slack'];

export interface Setting {
  readonly scheme: WebhookScheme;
  readonly secrets?: Readonly<Record<string, string | null>>;
  readonly clock?: Clock;
  readonly replays?: ReplayCache;
  readonly startedMsAgo?: number;
}

export function open({ scheme, secrets, clock = clockAt(), startedMsAgo = 3_600_000, ...rest }: Setting) {
  const values = secrets ?? { HOOK: scheme === 'standard' ? STANDARD_SECRET : TEXT_SECRET };
  const spec: WebhookSpec = { scheme, secrets: Object.keys(values), toleranceMs: 300_000 };
  const started = clock.now() - startedMsAgo;
  const replays = rest.replays ?? new ReplayCache({ ...clock, now: startedThen(clock, started) });
  const secret = (name: string) => Promise.resolve(values[name] ?? null);
  return new WebhookAuthenticator({ name: 'hook', spec, secret, clock, replays });
}

/** A clock that says first when it all began. */
function startedThen(clock: Clock, started: number): () => number {
  let asked = false;
  return () => {
    if (asked) return clock.now();
    asked = true;
    return started;
  };
}

async function judge(setting: Setting, fields: Fields, body: Uint8Array | null = BODY): Promise<Verdict> {
  return open(setting).authenticate(credentialsOf(fields, body));
}

export async function assertAccepted(setting: Setting, fields: Fields, body: Uint8Array | null = BODY) {
  const verdict = await judge(setting, fields, body);
  assert.ok(verdict.ok, verdict.ok ? '' : verdict.reason);
  return verdict.caller;
}

export async function assertRefused(
  setting: Setting,
  fields: Fields,
  reason: RegExp,
  body = BODY as Buffer | null,
) {
  const verdict = await judge(setting, fields, body);
  assert.ok(!verdict.ok, 'it was accepted');
  assert.match(verdict.reason, reason);
}
