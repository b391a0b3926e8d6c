import type { GuestCaller } from '../guest-port.ts';
import type { FetchAnswer, FetchArgs } from './contract.ts';

const NULL_BODY: ReadonlySet<number> = new Set([101, 204, 205, 304]);
const encoder = new TextEncoder();

/** A request as the call takes it. */
export interface OutgoingRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly string[];
  readonly redirect: FetchArgs['redirect'];
  readonly decode: boolean;
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
  readonly signal: AbortSignal | null;
}

export interface IncomingAnswer extends FetchAnswer {
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
}

/** Asks the host for one request. Rejects with the error of the call, which has a `code`. */
export async function callFetch(caller: GuestCaller, request: OutgoingRequest): Promise<IncomingAnswer> {
  const { url, method, headers, redirect, decode, body, signal } = request;
  const args: FetchArgs = { url, method, headers, redirect, decode, body: body !== null };
  const { value, bytes, stream } = await caller.call('fetch', '', 'fetch', args, { body, signal });
  return { ...(value as FetchAnswer), body: stream ?? bytes };
}

/**
 * Replaces `fetch` by one that asks the host. `data:` and `blob:` URLs stay with the runtime: they are no
 * network. What fails is a `TypeError`, as Fetch says, with the `code` of the error.
 */
export function installFetch(caller: GuestCaller): void {
  const native = globalThis.fetch;
  const replacement = async function fetch(
    input: Parameters<typeof globalThis.fetch>[0],
    init?: RequestInit,
  ): Promise<Response> {
    if (isLocal(input)) return native(input, init);
    const request = plainRequest(input, init) ?? (await wholeRequest(input, init));
    try {
      return toResponse(await callFetch(caller, request));
    } catch (thrown) {
      throw asFetchError(thrown, request.signal);
    }
  };
  Object.defineProperty(globalThis, 'fetch', {
    value: replacement,
    writable: true,
    configurable: true,
    enumerable: true,
  });
}

/** A GET of an address and nothing more, without the objects that a `Request` brings along; null for all else. */
function plainRequest(
  input: Parameters<typeof globalThis.fetch>[0],
  init: RequestInit | undefined,
): OutgoingRequest | null {
  if (init !== undefined || input instanceof Request) return null;
  const url = URL.parse(String(input));
  if (url === null || url.username !== '' || url.password !== '') return null;
  return {
    url: url.href,
    method: 'GET',
    headers: [],
    redirect: 'follow',
    decode: true,
    body: null,
    signal: null,
  };
}

/** Errors: those of `Request`. */
async function wholeRequest(
  input: Parameters<typeof globalThis.fetch>[0],
  init: RequestInit | undefined,
): Promise<OutgoingRequest> {
  const request = new Request(input, withDuplex(init));
  return {
    url: request.url,
    method: request.method,
    headers: [...request.headers].flat(),
    redirect: request.redirect,
    decode: true,
    body: await bodyOf(request, init),
    signal: request.signal,
  };
}

function isLocal(input: unknown): boolean {
  const url = input instanceof Request ? input.url : String(input);
  return /^(?:data|blob):/i.test(url);
}

/** A body that streams needs `duplex` by the standard; code for other platforms leaves it out. */
function withDuplex(init: RequestInit | undefined): RequestInit | undefined {
  if (!(init?.body instanceof ReadableStream)) return init;
  const streaming: RequestInit & { duplex: string } = { duplex: 'half', ...init };
  return streaming;
}

/** Bytes where they are at hand, so that they go in one piece. */
async function bodyOf(
  request: Request,
  init: RequestInit | undefined,
): Promise<Uint8Array | ReadableStream<Uint8Array> | null> {
  const given = init?.body;
  if (typeof given === 'string') return encoder.encode(given);
  if (given instanceof ReadableStream || given === undefined || given === null) return request.body;
  return new Uint8Array(await request.arrayBuffer());
}

function toResponse({ status, statusText, headers, url, redirected, body }: IncomingAnswer): Response {
  const pairs: [string, string][] = [];
  for (let index = 0; index + 1 < headers.length; index += 2)
    pairs.push([headers[index] ?? '', headers[index + 1] ?? '']);
  const content = NULL_BODY.has(status) ? null : (body as ConstructorParameters<typeof Response>[0]);
  const response = new Response(content, { status, statusText, headers: pairs });
  Object.defineProperty(response, 'url', { value: url, configurable: true });
  Object.defineProperty(response, 'redirected', { value: redirected, configurable: true });
  return response;
}

function asFetchError(thrown: unknown, signal: AbortSignal | null): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (!(thrown instanceof Error) || !('code' in thrown) || typeof thrown.code !== 'string') return thrown;
  return Object.assign(new TypeError(thrown.message, { cause: thrown }), { code: thrown.code });
}
