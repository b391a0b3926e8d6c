import type { PairedSocket } from './websocket.ts';
import { WebSocketPair } from './websocket.ts';

const NativeResponse = globalThis.Response;
const encoder = new TextEncoder();

interface GuestResponseInit extends ResponseInit {
  webSocket?: PairedSocket | null;
}

/**
 * `Response` as guest code constructs it. It remembers a body that was given whole, so that it leaves in
 * one frame, and takes the `webSocket` of a `WebSocketPair` with status 101.
 */
class GuestResponse extends NativeResponse {
  readonly #whole: string | Uint8Array | undefined;
  readonly #upgrade: PairedSocket | null = null;

  constructor(body?: BodyInit | null, init?: GuestResponseInit) {
    if (init?.status === 101) {
      super(null, { ...init, status: 200 });
      this.#upgrade = init.webSocket ?? null;
      return;
    }
    super(body, init);
    if (typeof body === 'string') this.#whole = body;
    else if (body instanceof Uint8Array) this.#whole = body.slice();
  }

  override get status(): number {
    return this.#upgrade === null ? super.status : 101;
  }

  get webSocket(): PairedSocket | null {
    return this.#upgrade;
  }

  static whole(response: Response): Uint8Array | undefined {
    if (!(#whole in response) || response.bodyUsed) return undefined;
    const whole = response.#whole;
    return typeof whole === 'string' ? encoder.encode(whole) : whole;
  }

  static upgrade(response: Response): PairedSocket | null {
    return #upgrade in response ? response.#upgrade : null;
  }

  /** `Response.json` makes a native response; this one keeps its text. */
  static override json(data: unknown, init?: ResponseInit): Response {
    const headers = new Headers(init?.headers);
    if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError('The value cannot be written as JSON.');
    return new GuestResponse(text, { ...init, headers });
  }
}

/** The body of a response that was given as a string or bytes and has not been read; else undefined. */
export function wholeBody(response: Response): Uint8Array | undefined {
  return GuestResponse.whole(response);
}

/** The caller's half of a WebSocket that the response accepts, else null. */
export function acceptedSocket(response: Response): PairedSocket | null {
  return GuestResponse.upgrade(response);
}

export function isResponse(value: unknown): value is Response {
  return value instanceof NativeResponse;
}

export function installResponse(): void {
  Object.defineProperty(GuestResponse, 'name', { value: 'Response' });
  Object.defineProperty(globalThis, 'Response', { value: GuestResponse, writable: true, configurable: true });
  Object.defineProperty(globalThis, 'WebSocketPair', {
    value: WebSocketPair,
    writable: true,
    configurable: true,
  });
}
