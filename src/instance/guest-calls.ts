import {
  CALL_STREAM_BIT,
  ChannelViolation,
  FLAG,
  FRAME,
  decodeCredit,
  decodeHead,
} from '../channel/index.ts';
import { CordonError, LIMITS } from '../contract/index.ts';
import { CallStream } from './call-stream.ts';
import { parseCall } from './guest-messages.ts';
import type { Outbox } from './outbox.ts';
import type { CallOpener, FlatHeaders, GuestCall } from './port.ts';

/** A request that is served while a call is made. */
export interface OpenRequest {
  readonly requestId: string;
  readonly headers: FlatHeaders;
  /** How many events and calls stand behind it. */
  readonly hops: number;
}

/** The requests and events of one instance. */
export interface OpenRequests {
  /** The one of a stream, when it is open: for what a guest says about itself. */
  of(stream: number): OpenRequest | null;
  /** All that are open. */
  all(): Iterable<OpenRequest>;
  /** How many events and calls stood behind one that has ended: see `EndedHops`. */
  endedHops(stream: number): number;
}

/** The calls that the guest of one instance has open. */
export class GuestCalls {
  readonly #outbox: Outbox;
  readonly #requests: OpenRequests;
  readonly #open = new Map<number, CallStream>();
  #opener: CallOpener | null = null;
  #lastId = CALL_STREAM_BIT;

  constructor(outbox: Outbox, requests: OpenRequests) {
    this.#outbox = outbox;
    this.#requests = requests;
  }

  /** Says who serves the calls. Until then every call is refused. */
  serve(opener: CallOpener): void {
    this.#opener = opener;
  }

  /** A frame on a stream that the guest numbers. Errors: `ChannelViolation`. */
  handle(type: number, flags: number, id: number, payload: Uint8Array): void {
    if (type === FRAME.call) {
      this.#call(flags, id, payload);
      return;
    }
    const stream = this.#open.get(id);
    if (stream === undefined) {
      // What crosses with the end of its call is dropped; what never was a call is not.
      if (id <= this.#lastId && (type === FRAME.data || type === FRAME.credit || type === FRAME.abort))
        return;
      throw new ChannelViolation(`a frame of type ${type} for a call that is not open`);
    }
    if (type === FRAME.data) stream.data(payload, flags);
    else if (type === FRAME.credit) stream.credit(decodeCredit(payload));
    else if (type === FRAME.abort) stream.cancel();
    else throw new ChannelViolation(`a frame of type ${type} for a call`);
  }

  cancelAll(): void {
    for (const stream of this.#open.values()) stream.cancel();
  }

  #call(flags: number, id: number, payload: Uint8Array): void {
    if (id <= this.#lastId) throw new ChannelViolation('a call reuses a stream');
    this.#lastId = id;
    // Refusals are bounded by nothing else.
    if (this.#outbox.waitingBytes > LIMITS.channelBufferBytesMax.value)
      throw new ChannelViolation('the guest does not read its channel');
    const { head, body } = decodeHead(payload);
    const { stream: requestStream, ...call } = parseCall(head);
    const stream = new CallStream(id, (flags & FLAG.last) !== 0, this.#outbox, (ended) =>
      this.#open.delete(ended),
    );
    this.#open.set(id, stream);
    if (this.#opener === null) stream.fail(new CordonError('CORDON_GRANT_MISSING'));
    else if (this.#open.size > LIMITS.callsPerInstanceMax.value)
      stream.fail(new CordonError('CORDON_CALLS_TOO_MANY'));
    else stream.open(withRequest(call, requestStream, this.#requests), this.#opener, body);
  }
}

function withRequest(
  call: Omit<GuestCall, 'request' | 'requestHeaders' | 'hops'>,
  stream: number,
  requests: OpenRequests,
): GuestCall {
  const hops = hopsBehind(requests, stream);
  const open = requests.of(stream);
  if (open === null) return { ...call, request: null, hops };
  return { ...call, request: open.requestId, requestHeaders: open.headers, hops };
}

/**
 * Counted over all that the guest could be working for: it may say that it works for another than it does. Work for
 * a request that has ended still counts as that, however many others are open.
 */
export function hopsBehind(requests: OpenRequests, stream: number): number {
  let highest = requests.of(stream) === null ? requests.endedHops(stream) : 0;
  for (const { hops } of requests.all()) highest = Math.max(highest, hops);
  return highest;
}
