import type { EventAbout } from '../channel/index.ts';
import type { CordonError, ErrorCode } from '../contract/index.ts';

/** Field names and values in turn, as node's `rawHeaders`: [name, value, name, value, …]. */
export type FlatHeaders = readonly string[];

/** One HTTP request for a function, already judged. */
export interface ExchangeRequest {
  readonly id: string;
  readonly method: string;
  /** Absolute URL as the function sees it. */
  readonly url: string;
  readonly headers: FlatHeaders;
  /** True when the caller asks for a WebSocket and the listener has verified its handshake. */
  readonly webSocket: boolean;
  /** The whole body where it is already here and small; null when it comes by `Exchange.write` or there is none. */
  readonly body: Uint8Array | null;
  /** True when `write` and `end` will follow. */
  readonly streams: boolean;
  /** Present for an event: it runs another handler than `fetch`, `method` and `url` say nothing, and the answer is JSON (`EventOutcome`). */
  readonly event?: EventAbout;
  /** True: nothing else may run in the instance meanwhile, so that whatever ends it is the fault of this. Default false. */
  readonly alone?: boolean;
}

/** Where an answer goes. Calls come in order: head, data…, end; or `failed` at any point, once, last. */
export interface ResponseSink {
  /** `last`: no data follows. `body` is the first piece, if any. Credit is due for it as for `data`. */
  head(status: number, headers: FlatHeaders, body: Uint8Array | null, last: boolean): void;
  data(chunk: Uint8Array): void;
  end(): void;
  /** A WebSocket message of the function; only after a head with status 101. */
  message(data: Uint8Array, text: boolean): void;
  /** The function closed the WebSocket. */
  closed(code: number, reason: string): void;
  /** The exchange failed. Nothing follows. */
  failed(error: CordonError): void;
  /** More body may be written: called after `write` returned false. */
  drain(): void;
  /** The instance that serves it, once known. */
  assigned?(instance: string): void;
}

/** The caller's half of one request that runs in an instance. */
export interface Exchange {
  /** Sends a piece of body. False: wait for `drain`. */
  write(chunk: Uint8Array): boolean;
  end(): void;
  /** Says that `bytes` of the answer have been handed on, so that the guest may send as many more. */
  consumed(bytes: number): void;
  /** A WebSocket message of the caller. False: wait for `drain` with the next one. */
  message(data: Uint8Array, text: boolean): boolean;
  /** The caller closed the WebSocket. */
  close(code: number, reason: string): void;
  /** The caller is gone: the request's AbortSignal fires in the guest. No call to the sink follows. */
  abort(): void;
}

/** A call of guest code to a capability, parsed and bounded, not yet allowed. */
export interface GuestCall {
  readonly capability: string;
  readonly binding: string;
  readonly operation: string;
  /** JSON of the guest: anything. */
  readonly args: unknown;
  /** Id of the request on whose behalf it is made, when that request is open in this instance. */
  readonly request: string | null;
  /** Fields of that request, flat; absent when there is none. Those that start with `x-cordon-` are the platform's. */
  readonly requestHeaders?: FlatHeaders;
  /**
   * How many events and calls stand behind this one in a chain: the highest `x-cordon-hops` of what is open in the
   * instance, and of what it is made for where that has ended. The host counts it; a guest that names another request than it works for changes nothing.
   */
  readonly hops: number;
}

/** Why a call fails, as its guest is told. Each `CordonError` is one. */
export interface CallFailure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** The way back to the guest. After `fail`, or `head` with `last`, or `end`, nothing more may be sent. */
export interface CallReply {
  /** The value, and the first or only piece of the body. */
  head(value: unknown, body: Uint8Array | null, last: boolean): void;
  /** More of the body. False: wait for `drain`. */
  write(chunk: Uint8Array): boolean;
  end(): void;
  /** The guest's call throws with the code and message; after a head its body fails. */
  fail(failure: CallFailure): void;
  /** Says that `bytes` of the call's body have been handed on. */
  consumed(bytes: number): void;
}

/** What serves one call. Its body comes as `data` and `end`. */
export interface CallHandler {
  data(chunk: Uint8Array): void;
  end(): void;
  /** The guest gave up or its instance ended. Nothing may be sent after it. */
  cancel(): void;
  drain(): void;
}

/** Starts to serve a call. It must not throw; refusals go to `reply.fail`. */
export type CallOpener = (call: GuestCall, reply: CallReply) => CallHandler;
