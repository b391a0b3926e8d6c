import type { GuestCaller } from '../guest-port.ts';
import type { FetchAnswer } from './contract.ts';

/** Statuses whose answers have no body (RFC 9110; a `Response` refuses one). */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);
const encoder = new TextEncoder();

/** `env.BILLING`: another function of the app, with the `fetch` of a Workers service binding. It follows no redirects. */
export class Fetcher {
  readonly #caller: GuestCaller;
  readonly #binding: string;

  constructor(caller: GuestCaller, binding: string) {
    this.#caller = caller;
    this.#binding = binding;
  }

  async fetch(input: ConstructorParameters<typeof Request>[0], init?: RequestInit): Promise<Response> {
    const request = new Request(input, init);
    const { signal } = request;
    const body = bodyFrom(request, init);
    const args = {
      method: request.method,
      url: request.url,
      headers: [...request.headers].flat(),
      body: body !== null,
    };
    const { value, bytes, stream } = await this.#caller.call('service', this.#binding, 'fetch', args, {
      body,
      signal,
    });
    const { status, headers: flat } = value as FetchAnswer;
    const headers = new Headers();
    for (let index = 0; index + 1 < flat.length; index += 2)
      headers.append(flat[index] ?? '', flat[index + 1] ?? '');
    const answer = BODILESS.has(status) ? null : (stream ?? (bytes as Uint8Array<ArrayBuffer>));
    return new Response(answer as ConstructorParameters<typeof Response>[0], { status, headers });
  }
}

/** Text and bytes go in one piece. */
function bodyFrom(
  request: Request,
  init: RequestInit | undefined,
): Uint8Array | ReadableStream<Uint8Array> | null {
  const given = init?.body;
  if (typeof given === 'string') return encoder.encode(given);
  if (given instanceof Uint8Array) return given.slice();
  return request.body;
}
