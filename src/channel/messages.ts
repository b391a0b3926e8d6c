/** Names in `env` per capability, such as `{ kv: ['ORDERS'] }`. */
export type Bindings = Readonly<Record<string, readonly string[]>>;

/** Head of an `assign` frame; the bundle and then the code cache follow as its body. */
export interface AssignHead {
  /** File name for stack traces: `app/function`. */
  readonly name: string;
  readonly format: 'script' | 'module';
  readonly vars: Readonly<Record<string, string>>;
  /** Names in `env` by the capability that each stands for. */
  readonly bindings: Bindings;
  readonly bundleBytes: number;
  /** 0: none. */
  readonly codeCacheBytes: number;
  /** Bytes that either side may send on a stream before the other grants credit. */
  readonly windowBytes: number;
}

/** An error of guest code, as data. */
export interface GuestError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

/** Payload of `assigned`: the handlers, or why there are none; a code cache may follow as the body. */
export interface AssignedHead {
  readonly handlers: readonly string[];
  /** `throw`: the module threw. `invalid`: it exports no usable handler. */
  readonly failure: { readonly kind: 'throw' | 'invalid'; readonly error: GuestError } | null;
}

/** Head of a `request` frame: method, absolute URL, field names and values in turn, request id. */
export type RequestHead = readonly [method: string, url: string, headers: readonly string[], id: string];

/** Handlers that take events. */
export type EventHandlerName = 'queue' | 'scheduled' | 'event';

/** One message of a batch; its body stands in the body of the frame after those before it. */
export interface QueueMessageHead {
  readonly id: string;
  /** When it was sent, ms since the epoch. */
  readonly timestamp: number;
  /** This attempt, from 1. */
  readonly attempts: number;
  readonly contentType: 'json' | 'text' | 'bytes';
  readonly bytes: number;
}

/** What an event is about, by the handler that takes it. The data of a CloudEvent is the body of the frame. */
export type EventAbout =
  | { readonly handler: 'queue'; readonly queue: string; readonly messages: readonly QueueMessageHead[] }
  | { readonly handler: 'scheduled'; readonly cron: string; readonly scheduledTime: number }
  | {
      readonly handler: 'event';
      readonly attributes: Readonly<Record<string, string | number | boolean>>;
      readonly hasData: boolean;
    };

/** Head of a `request` frame with the flag `event`: what it is about, the platform's fields, id of the run. */
export type EventHead = readonly [about: EventAbout, headers: readonly string[], id: string];

/** What a handler said of an event, as the JSON body of its response. */
export interface EventOutcome {
  /** False: the handler threw. What it had acknowledged until then stays so. */
  readonly ok: boolean;
  /** Of a batch, in the order of its messages: true for one that is done, else when to try it again (null: as the source says). */
  readonly messages?: readonly (true | { readonly retryAfterSeconds: number | null })[];
  /** Of a tick: it is not to be tried again although the handler threw. */
  readonly noRetry?: boolean;
}

/** Head of a `response` frame: status, field names and values in turn. */
export type ResponseHead = readonly [status: number, headers: readonly string[]];

/** Payload of `failure`. `kind` tells a thrown error from an unusable return value. */
export interface FailureHead {
  readonly kind: 'throw' | 'response';
  readonly error: GuestError;
}

/** Head of a `call` frame. `stream`: the request on whose behalf the code runs, 0 for none. */
export type CallHead = readonly [
  capability: string,
  binding: string,
  operation: string,
  args: unknown,
  stream: number,
];

/** Head of a `reply` frame: the value, or the error that the guest throws. */
export type ReplyHead =
  { readonly value: unknown } | { readonly error: { readonly code: string; readonly message: string } };
