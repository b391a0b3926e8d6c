import type { GuestCaller } from '../guest-port.ts';
import type { ContentType, MessageHead } from './contract.ts';

type GivenType = ContentType | 'v8';

interface SendOptions {
  readonly contentType?: GivenType;
  readonly delaySeconds?: number;
}

interface MessageSendRequest extends SendOptions {
  readonly body: unknown;
}

const encoder = new TextEncoder();

/** `env.JOBS`: one queue, with the methods of Workers' `Queue` that send. They resolve when messages are durable. */
export class Queue {
  readonly #caller: GuestCaller;
  readonly #binding: string;

  constructor(caller: GuestCaller, binding: string) {
    this.#caller = caller;
    this.#binding = binding;
  }

  send(message: unknown, options: SendOptions = {}): Promise<void> {
    return this.sendBatch([{ ...options, body: message }]);
  }

  /** All of the messages or none. */
  async sendBatch(messages: Iterable<MessageSendRequest>, options: SendOptions = {}): Promise<void> {
    const heads: MessageHead[] = [];
    const bodies: Uint8Array[] = [];
    let length = 0;
    for (const { body, contentType, delaySeconds } of messages) {
      const type = typeOf(contentType);
      const bytes = encode(body, type);
      const delay = delaySeconds ?? options.delaySeconds;
      heads.push({
        contentType: type,
        bytes: bytes.byteLength,
        ...(delay === undefined ? {} : { delaySeconds: delay }),
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
    await this.#caller.call('queue', this.#binding, 'send', { messages: heads }, { body: all });
  }
}

function typeOf(given: GivenType | undefined): ContentType {
  const type = given === undefined || given === 'v8' ? 'json' : given;
  if (type !== 'json' && type !== 'text' && type !== 'bytes')
    throw new TypeError(`"${String(type)}" is no content type: use json, text, bytes or v8.`);
  return type;
}

function encode(body: unknown, type: ContentType): Uint8Array {
  if (type === 'text') {
    if (typeof body !== 'string') throw new TypeError('A message of the type text has to be a string.');
    return encoder.encode(body);
  }
  if (type === 'bytes') {
    if (body instanceof ArrayBuffer) return new Uint8Array(body);
    if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
    throw new TypeError('A message of the type bytes has to be an ArrayBuffer or a view of one.');
  }
  const text = JSON.stringify(body);
  if (text === undefined) throw new TypeError('The message cannot be written as JSON.');
  return encoder.encode(text);
}
