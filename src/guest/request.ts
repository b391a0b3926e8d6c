const NativeRequest = globalThis.Request;
const decoder = new TextDecoder();

/** What a request is made of, as it came over the channel. */
export interface RequestParts {
  readonly method: string;
  readonly url: string;
  /** Field names and values in turn. */
  readonly headers: readonly string[];
  /** Whole body, or null when there is none or it streams. */
  readonly bytes: Uint8Array | null;
  /** Makes the body's stream, when it streams. */
  readonly stream: (() => ReadableStream<Uint8Array>) | null;
}

/** `Request` as guest code constructs it: it also accepts a `GuestRequest`. */
class PatchedRequest extends NativeRequest {
  constructor(input: RequestInfo | URL, init?: RequestInit) {
    super(input instanceof GuestRequest ? input.native() : input, init);
  }
}

/**
 * The request that a handler gets. It answers the common questions from the parts it came in and makes a
 * native `Request` only when something else is asked, which most handlers never do.
 */
export class GuestRequest {
  readonly #parts: RequestParts;
  #headers: Headers | null = null;
  #native: Request | null = null;
  #controller: AbortController | null = null;
  #aborted = false;
  #used = false;

  constructor(parts: RequestParts) {
    this.#parts = parts;
  }

  get method(): string {
    return this.#parts.method;
  }

  get url(): string {
    return this.#parts.url;
  }

  get headers(): Headers {
    if (this.#headers !== null) return this.#headers;
    const headers = new Headers();
    const flat = this.#parts.headers;
    for (let index = 0; index + 1 < flat.length; index += 2)
      headers.append(flat[index] ?? '', flat[index + 1] ?? '');
    this.#headers = headers;
    return headers;
  }

  get signal(): AbortSignal {
    return this.#abortController().signal;
  }

  get bodyUsed(): boolean {
    return this.#used || (this.#native?.bodyUsed ?? false);
  }

  get body(): ReadableStream<Uint8Array> | null {
    if (this.#parts.bytes === null && this.#parts.stream === null) return null;
    return this.native().body;
  }

  async text(): Promise<string> {
    const bytes = this.#takeBytes();
    return bytes === null ? this.native().text() : decoder.decode(bytes);
  }

  async json(): Promise<unknown> {
    const bytes = this.#takeBytes();
    return bytes === null ? this.native().json() : JSON.parse(decoder.decode(bytes));
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = this.#takeBytes();
    return bytes === null ? this.native().arrayBuffer() : bytes.slice().buffer;
  }

  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await this.arrayBuffer());
  }

  blob(): Promise<Blob> {
    return this.native().blob();
  }

  formData(): Promise<FormData> {
    return this.native().formData();
  }

  clone(): Request {
    return this.native().clone();
  }

  get redirect(): RequestRedirect {
    return 'manual';
  }

  /** The native request with everything in it, made once. */
  native(): Request {
    if (this.#native !== null) return this.#native;
    const { method, url, bytes, stream } = this.#parts;
    const bodyless = method === 'GET' || method === 'HEAD';
    const body = bodyless ? null : (bytes?.slice() ?? stream?.() ?? null);
    this.#native = new NativeRequest(url, {
      method,
      headers: this.headers,
      signal: this.#abortController().signal,
      body,
      ...(body === null ? {} : { duplex: 'half' }),
    });
    return this.#native;
  }

  /** The caller left, or its time is over. */
  abort(): void {
    this.#aborted = true;
    this.#controller?.abort(new DOMException('The caller left or the time limit passed.', 'AbortError'));
  }

  #abortController(): AbortController {
    if (this.#controller !== null) return this.#controller;
    this.#controller = new AbortController();
    if (this.#aborted) this.abort();
    return this.#controller;
  }

  /** The whole body when it can be read without a native request, else null. */
  #takeBytes(): Uint8Array | null {
    if (this.#native !== null || this.#parts.stream !== null) return null;
    if (this.#used) throw new TypeError('The body was already read.');
    this.#used = true;
    return this.#parts.bytes ?? new Uint8Array(0);
  }
}

/** Makes `Request` accept what handlers get, and `instanceof Request` true for it. */
export function installRequest(): void {
  Object.setPrototypeOf(GuestRequest.prototype, PatchedRequest.prototype);
  Object.defineProperty(PatchedRequest, 'name', { value: 'Request' });
  globalThis.Request = PatchedRequest;
}
