import type { GuestCaller } from '../guest-port.ts';
import type { DataType, EventToSend } from './contract.ts';

export interface SendOptions {
  /** Default: `bytes` for an ArrayBuffer or a view of one, else `json`. */
  readonly contentType?: DataType;
  /** What the event is about. Where the function that takes it says so, events with one subject come one after the other. */
  readonly subject?: string;
  /** Events with the same id are one for a day. Default: one of its own. */
  readonly id?: string;
  readonly delaySeconds?: number;
}

export interface PipeEvent extends SendOptions {
  readonly type: string;
  readonly data?: unknown;
}

const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);

/** `env.NEXT`: sends events to the functions of the app that take them. Its methods resolve when the events are durable. */
export class Pipe {
  readonly #caller: GuestCaller;
  readonly #binding: string;

  constructor(caller: GuestCaller, binding: string) {
    this.#caller = caller;
    this.#binding = binding;
  }

  send(type: string, data?: unknown, options: SendOptions = {}): Promise<void> {
    return this.sendBatch([{ ...options, type, data }]);
  }

  /** All of the events or none. */
  async sendBatch(given: Iterable<PipeEvent>): Promise<void> {
    const events: EventToSend[] = [];
    const bodies: Uint8Array[] = [];
    let length = 0;
    for (const { type, data, contentType, subject, id, delaySeconds } of given) {
      const dataType = data === undefined ? null : typeOf(data, contentType);
      const bytes = dataType === null ? NOTHING : encode(data, dataType);
      events.push({
        type,
        contentType: dataType,
        bytes: bytes.byteLength,
        ...(subject === undefined ? {} : { subject }),
        ...(id === undefined ? {} : { id }),
        ...(delaySeconds === undefined ? {} : { delaySeconds }),
      });
      bodies.push(bytes);
      length += bytes.byteLength;
    }
    const all = new Uint8Array(length);
    let offset = 0;
    for (const bytes of bodies) {
      all.set(bytes, offset);
      offset += bytes.byteLength;
    }
    await this.#caller.call('pipe', this.#binding, 'send', { events }, { body: all });
  }
}

function typeOf(data: unknown, given: DataType | undefined): DataType {
  if (given === undefined) return data instanceof ArrayBuffer || ArrayBuffer.isView(data) ? 'bytes' : 'json';
  if (given !== 'json' && given !== 'text' && given !== 'bytes')
    throw new TypeError(`"${String(given)}" is no content type: use json, text or bytes.`);
  return given;
}

function encode(data: unknown, type: DataType): Uint8Array {
  if (type === 'text') {
    if (typeof data !== 'string') throw new TypeError('Data of the type text has to be a string.');
    return encoder.encode(data);
  }
  if (type === 'bytes') {
    if (data instanceof ArrayBuffer) return new Uint8Array(data);
    if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    throw new TypeError('Data of the type bytes has to be an ArrayBuffer or a view of one.');
  }
  const text = JSON.stringify(data) as string | undefined;
  if (text === undefined) throw new TypeError('The data cannot be written as JSON.');
  return encoder.encode(text);
}
