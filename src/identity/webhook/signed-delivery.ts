import type { WebhookScheme } from '../../manifest/index.ts';
import type { Credentials } from '../port.ts';

/** A delivery as its fields describe it. Nothing of it has been verified. */
export interface SignedDelivery {
  /** What stands before the body in what was signed. */
  readonly prefix: string;
  /** Signatures that were sent, 32 bytes each. At least one. */
  readonly signatures: readonly Buffer[];
  /** When it was signed, seconds since the epoch; null where the scheme does not say. */
  readonly signedAt: number | null;
  /** Id that the sender gives it; null where the scheme has none. */
  readonly id: string | null;
}

/** How a scheme of the manifest signs. */
export interface SignatureScheme {
  /** The delivery, or why there is none. */
  read(credentials: Credentials): SignedDelivery | string;
  /** Bytes of the key that a secret stands for; null where it stands for none. */
  keyOf(secret: string): Buffer | null;
}

const SECONDS = /^(?:0|[1-9]\d{0,10})$/;
const HEX_SIGNATURE = /^[0-9a-f]{64}$/;
/** 32 bytes; the last letter has no bits to spare, so that each signature has one spelling. */
const BASE64_SIGNATURE = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** Without the full stop, which separates it from the rest of what is signed. */
const MESSAGE_ID = /^[\x21-\x2d\x2f-\x7e]{1,256}$/;
const SIGNATURE_VERSION = /^v[0-9]{1,2}[a-z]{0,2}$/;
const DELIVERY_ID = /^[0-9A-Za-z-]{1,64}$/;
const ELEMENT = /^([a-z][a-z0-9]{0,15})=([\x21-\x2b\x2d-\x7e]{1,256})$/;
const STANDARD_PREFIX = 'whsec_';
/** Standard Webhooks, "Signature scheme": between 24 and 64 bytes. */
const STANDARD_KEY_BYTES_MIN = 24;
const STANDARD_KEY_BYTES_MAX = 64;

/** Signatures are HMAC-SHA256 in each of the schemes; what is signed and how it is written differs. */
export function signatureScheme(scheme: WebhookScheme, signaturesMax: number): SignatureScheme {
  switch (scheme) {
    case 'standard':
      return { read: (credentials) => readStandard(credentials, signaturesMax), keyOf: standardKey };
    case 'github':
      return { read: readGitHub, keyOf: plainKey };
    case 'stripe':
      return { read: (credentials) => readStripe(credentials, signaturesMax), keyOf: plainKey };
    case 'slack':
      return { read: readSlack, keyOf: plainKey };
  }
}

/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
function readStandard(credentials: Credentials, signaturesMax: number): SignedDelivery | string {
  const id = credentials.field('webhook-id');
  if (id === null || !MESSAGE_ID.test(id)) return 'no usable webhook-id';
  const signedAt = secondsOf(credentials.field('webhook-timestamp'));
  if (signedAt === null) return 'no usable webhook-timestamp';
  const texts = (credentials.field('webhook-signature') ?? '').split(' ');
  if (texts.length > signaturesMax) return 'too many signatures';
  const signatures: Buffer[] = [];
  for (const text of texts) {
    const comma = text.indexOf(',');
    const version = text.slice(0, Math.max(comma, 0));
    if (!SIGNATURE_VERSION.test(version)) return 'no usable webhook-signature';
    // Versions that are not known here may be of another key, such as Ed25519.
    if (version !== 'v1') continue;
    const signature = text.slice(comma + 1);
    if (!BASE64_SIGNATURE.test(signature)) return 'malformed signature';
    signatures.push(Buffer.from(signature, 'base64'));
  }
  if (signatures.length === 0) return 'no signature of version v1';
  return { prefix: `${id}.${signedAt}.`, signatures, signedAt, id };
}

/** https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries */
function readGitHub(credentials: Credentials): SignedDelivery | string {
  const id = credentials.field('x-github-delivery');
  if (id === null || !DELIVERY_ID.test(id)) return 'no usable X-GitHub-Delivery';
  const signature = hexSignature(credentials.field('x-hub-signature-256'), 'sha256=');
  if (signature === null) return 'no usable X-Hub-Signature-256';
  return { prefix: '', signatures: [signature], signedAt: null, id };
}

/** https://docs.stripe.com/webhooks/signature */
function readStripe(credentials: Credentials, signaturesMax: number): SignedDelivery | string {
  const elements = (credentials.field('stripe-signature') ?? '').split(',');
  // One element is the time.
  if (elements.length > signaturesMax + 1) return 'too many signatures';
  const signatures: Buffer[] = [];
  let signedAt: number | null = null;
  for (const element of elements) {
    const [, name = '', value = ''] = ELEMENT.exec(element) ?? [];
    if (name === '') return 'no usable Stripe-Signature';
    if (name === 't') {
      if (signedAt !== null) return 'two times';
      signedAt = secondsOf(value);
      if (signedAt === null) return 'malformed time';
    }
    // Other names, such as v0, are of keys for tests.
    if (name !== 'v1') continue;
    const signature = hexSignature(value, '');
    if (signature === null) return 'malformed signature';
    signatures.push(signature);
  }
  if (signedAt === null) return 'no time';
  if (signatures.length === 0) return 'no signature of version v1';
  return { prefix: `${signedAt}.`, signatures, signedAt, id: null };
}

/** https://api.slack.com/authentication/verifying-requests-from-slack */
function readSlack(credentials: Credentials): SignedDelivery | string {
  const signedAt = secondsOf(credentials.field('x-slack-request-timestamp'));
  if (signedAt === null) return 'no usable X-Slack-Request-Timestamp';
  const signature = hexSignature(credentials.field('x-slack-signature'), 'v0=');
  if (signature === null) return 'no usable X-Slack-Signature';
  return { prefix: `v0:${signedAt}:`, signatures: [signature], signedAt, id: null };
}

function secondsOf(text: string | null): number | null {
  return text !== null && SECONDS.test(text) ? Number(text) : null;
}

function hexSignature(text: string | null, prefix: string): Buffer | null {
  if (text === null || !text.startsWith(prefix)) return null;
  const hex = text.slice(prefix.length);
  return HEX_SIGNATURE.test(hex) ? Buffer.from(hex, 'hex') : null;
}

function standardKey(secret: string): Buffer | null {
  const text = secret.startsWith(STANDARD_PREFIX) ? secret.slice(STANDARD_PREFIX.length) : secret;
  if (!BASE64.test(text)) return null;
  const key = Buffer.from(text, 'base64');
  return key.length < STANDARD_KEY_BYTES_MIN || key.length > STANDARD_KEY_BYTES_MAX ? null : key;
}

function plainKey(secret: string): Buffer | null {
  return secret === '' ? null : Buffer.from(secret);
}
