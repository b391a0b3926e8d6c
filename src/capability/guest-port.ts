/** How the guest's half of a capability asks the host. No types of Node or Deno: it is compiled into the harness. */
export interface GuestCaller {
  /** Rejects with an error that has a `code`, or with the reason of the signal. */
  call(
    capability: string,
    binding: string,
    operation: string,
    args: unknown,
    options?: {
      readonly body?: Uint8Array | ReadableStream<Uint8Array> | null;
      readonly signal?: AbortSignal | null;
    },
  ): Promise<GuestCallResult>;
}

export interface GuestCallResult {
  readonly value: unknown;
  /** The whole body, when it came with the head. */
  readonly bytes: Uint8Array | null;
  /** The body, when it streams. */
  readonly stream: ReadableStream<Uint8Array> | null;
}
