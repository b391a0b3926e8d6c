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
