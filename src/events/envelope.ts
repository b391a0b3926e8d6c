import { createHash, timingSafeEqual } from 'node:crypto';
import { CordonError } from '../contract/index.ts';
import { placeOf } from '../vault/index.ts';
import type { CloudEvent } from './event.ts';
import type { NewEvent } from './port.ts';
import type { EventSealer, SigningKey, SigningKeys, SigningKeyring } from './signing-keys.ts';
import type { EventRow, NewRow } from './statements.ts';

/** Attribute in which consumers get the signature of the host: `v1,<base64>`. */
const SIGNATURE_ATTRIBUTE = 'cordonsignature';
const SCHEME = 'v1';
const LENGTH_BYTES = 4;

type Attributes = CloudEvent['attributes'];

/** What stands sealed in a row, before its data. */
interface EnvelopeHead {
  readonly attributes: Attributes;
  readonly order: string | null;
  readonly hasData: boolean;
  /** Version of the key that signed. */
  readonly key: number;
  /** Base64. */
  readonly signature: string;
}

/** What of a row is signed besides its event. */
interface SignedRow {
  readonly project: string;
  readonly lane: string;
  readonly id: string;
  readonly hops: number;
  readonly acceptedAt: number;
}

/** An event that verified. */
interface OpenedEvent {
  /** With the signature as an attribute. */
  readonly event: CloudEvent;
  readonly order: string | null;
}

type SealedEvent = Pick<NewRow, 'envelope' | 'orderKey'> & { readonly keyHash: string | null };

/** Signs and seals events for their rows, and opens and verifies them again. */
export class EventEnvelopes {
  readonly #sealer: EventSealer;
  readonly #keys: SigningKeys;

  constructor(sealer: EventSealer, keys: SigningKeys) {
    this.#sealer = sealer;
    this.#keys = keys;
  }

  keyring(project: string): SigningKeyring | Promise<SigningKeyring> {
    return this.#keys.get(project);
  }

  /** Errors: those of the vault and of the store. */
  async seal(
    { project, lane, event, order, key, hops }: NewEvent,
    id: string,
    acceptedAt: number,
  ): Promise<SealedEvent> {
    const ring = this.#keys.get(project);
    const signer = (ring instanceof Promise ? await ring : ring).current;
    const { attributes } = event;
    const text = signedText({ project, lane, id, hops, acceptedAt }, attributes, order, event.data);
    const head: EnvelopeHead = {
      attributes,
      order,
      hasData: event.data !== null,
      key: signer.version,
      signature: signer.sign(text).toString('base64'),
    };
    return {
      envelope: await this.#sealer.seal(project, envelopePlace(lane, id), encode(head, event.data)),
      orderKey: order === null ? null : signer.nameOf('order', lane, order),
      keyHash: key === null ? null : signer.nameOf('key', lane, key),
    };
  }

  /** Null: somebody else made or changed the row. Errors: those of the vault, but for what the row is to blame for. */
  async open(row: EventRow): Promise<OpenedEvent | null> {
    const { project, lane, id } = row;
    const ring = await this.#keys.get(project);
    const content = await openOrNull(() => this.#sealer.open(project, envelopePlace(lane, id), row.envelope));
    const decoded = content === null ? null : decode(content);
    if (decoded === null) return null;
    const { head, data } = decoded;
    const signer = ring.find(head.key);
    if (signer === null || !isAuthentic(signer, row, head, data)) return null;
    const attributes = { ...head.attributes, [SIGNATURE_ATTRIBUTE]: `${SCHEME},${head.signature}` };
    return { event: { attributes, data }, order: head.order };
  }
}

export function envelopePlace(lane: string, id: string): string {
  return placeOf('event', lane, id);
}

/** What a row is to blame for comes out as null; a vault that does not answer is an error. */
export async function openOrNull<T>(open: () => T | Promise<T>): Promise<T | null> {
  try {
    return await open();
  } catch (thrown) {
    const isRow =
      thrown instanceof CordonError &&
      (thrown.code === 'CORDON_SEAL_BROKEN' || thrown.code === 'CORDON_KEY_MISSING');
    if (isRow) return null;
    throw thrown;
  }
}

function isAuthentic(
  signer: SigningKey,
  row: EventRow,
  { attributes, order, signature }: EnvelopeHead,
  data: Uint8Array | null,
): boolean {
  const { project, lane, id } = row;
  const signed = { project, lane, id, hops: Number(row.hops), acceptedAt: Number(row.accepted_at) };
  const expected = signer.sign(signedText(signed, attributes, order, data));
  const given = Buffer.from(signature, 'base64');
  if (given.byteLength !== expected.byteLength || !timingSafeEqual(given, expected)) return false;
  // It is given out as it is written, and each signature is written in one way.
  if (given.toString('base64') !== signature) return false;
  // Columns that are made from what was signed.
  const orderKey = order === null ? null : signer.nameOf('order', lane, order);
  return row.order_key === orderKey && Number(row.bytes) === (data?.byteLength ?? 0);
}

/** One text for one event in one place: JSON of lists alone, attributes in the order of their names. */
function signedText(
  { project, lane, id, hops, acceptedAt }: SignedRow,
  attributes: Attributes,
  order: string | null,
  data: Uint8Array | null,
): string {
  const sorted = Object.entries(attributes).toSorted(([one], [other]) => (one < other ? -1 : 1));
  const digest = data === null ? null : createHash('sha256').update(data).digest('hex');
  return JSON.stringify([SCHEME, project, lane, id, hops, order, acceptedAt, sorted, digest]);
}

function encode(head: EnvelopeHead, data: Uint8Array | null): Buffer {
  const text = Buffer.from(JSON.stringify(head));
  const bytes = Buffer.allocUnsafeSlow(LENGTH_BYTES + text.byteLength + (data?.byteLength ?? 0));
  bytes.writeUInt32BE(text.byteLength, 0);
  text.copy(bytes, LENGTH_BYTES);
  if (data !== null) bytes.set(data, LENGTH_BYTES + text.byteLength);
  return bytes;
}

/** Null for what `encode` did not make: also what was sealed may be anybody's. */
function decode(
  content: Uint8Array,
): { readonly head: EnvelopeHead; readonly data: Uint8Array | null } | null {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  if (bytes.byteLength < LENGTH_BYTES) return null;
  const end = LENGTH_BYTES + bytes.readUInt32BE(0);
  if (end > bytes.byteLength) return null;
  let head: unknown;
  try {
    head = JSON.parse(bytes.toString('utf8', LENGTH_BYTES, end));
  } catch {
    return null;
  }
  if (!isHead(head)) return null;
  const data = bytes.subarray(end);
  if (!head.hasData && data.byteLength > 0) return null;
  return { head, data: head.hasData ? data : null };
}

function isHead(value: unknown): value is EnvelopeHead {
  if (typeof value !== 'object' || value === null) return false;
  const { attributes, order, hasData, key, signature } = value as Record<keyof EnvelopeHead, unknown>;
  return (
    typeof attributes === 'object' &&
    attributes !== null &&
    (order === null || typeof order === 'string') &&
    typeof hasData === 'boolean' &&
    typeof key === 'number' &&
    typeof signature === 'string'
  );
}
