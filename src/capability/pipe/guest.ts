import { checkSentType, encodeSent, joined } from '../guest-data.ts';
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
    for (const { type, data, contentType, subject, id, delaySeconds } of given) {
      const dataType = data === undefined ? null : typeOf(data, contentType);
      const bytes = dataType === null ? NOTHING : encodeSent(data, dataType);
      events.push({
        type,
        contentType: dataType,
        bytes: bytes.byteLength,
        ...(subject === undefined ? {} : { subject }),
        ...(id === undefined ? {} : { id }),
        ...(delaySeconds === undefined ? {} : { delaySeconds }),
      });
      bodies.push(bytes);
    }
    await this.#caller.call('pipe', this.#binding, 'send', { events }, { body: joined(bodies) });
  }
}

function typeOf(data: unknown, given: DataType | undefined): DataType {
  if (given !== undefined) return checkSentType(given);
  return data instanceof ArrayBuffer || ArrayBuffer.isView(data) ? 'bytes' : 'json';
}
