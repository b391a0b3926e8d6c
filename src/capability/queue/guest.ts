import { checkSentType, encodeSent, joined } from '../guest-data.ts';
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
    for (const { body, contentType, delaySeconds } of messages) {
      const type = typeOf(contentType);
      const bytes = encodeSent(body, type);
      const delay = delaySeconds ?? options.delaySeconds;
      heads.push({
        contentType: type,
        bytes: bytes.byteLength,
        ...(delay === undefined ? {} : { delaySeconds: delay }),
      });
      bodies.push(bytes);
    }
    await this.#caller.call('queue', this.#binding, 'send', { messages: heads }, { body: joined(bodies) });
  }
}

function typeOf(given: GivenType | undefined): ContentType {
  return given === undefined || given === 'v8' ? 'json' : checkSentType(given);
}
