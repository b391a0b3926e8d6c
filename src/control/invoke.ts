import { CordonError, LIMITS, newId } from '../contract/index.ts';
import type { DeployedFunction, Deployment } from '../deploy/index.ts';
import type { Exchange, ExchangeRequest, FlatHeaders, ResponseSink } from '../instance/index.ts';
import type { OperationContext } from './operation.ts';

/** A request as an operator describes it. */
export interface Invocation {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly bodyBase64?: string | undefined;
}

export interface InvocationResult {
  request: string;
  instance: string | null;
  status: number;
  headers: [string, string][];
  bodyBase64: string;
  ms: number;
}

/** A body up to this size travels with the head of the request. */
const INLINE_BODY_BYTES = 64 * 1024;

// The platform frames the message; what a caller says about framing would contradict it (RFC 9110 section 7.6.1).
const FRAMING = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Runs a function once, past the gateway's routes but by the same dispatcher, and collects its response.
 * Errors: CORDON_BODY_TOO_LARGE, CORDON_RESPONSE_TOO_LARGE, CORDON_CALLER_LEFT and those of the dispatcher.
 */
export async function invoke(
  context: OperationContext,
  deployment: Deployment,
  fn: DeployedFunction,
  invocation: Invocation,
): Promise<InvocationResult> {
  const body = invocation.bodyBase64 === undefined ? null : Buffer.from(invocation.bodyBase64, 'base64');
  const { bodyBytes } = fn.spec.limits;
  if (body !== null && body.byteLength > bodyBytes) {
    const sizes = { bytes: body.byteLength, bytesMax: bodyBytes };
    const message = `Cannot invoke ${fn.spec.name}: the body has ${sizes.bytes} bytes, limits.body is ${bodyBytes}.`;
    throw new CordonError('CORDON_BODY_TOO_LARGE', message, { details: sizes });
  }
  const started = context.clock.monotonic();
  const request = requestOf(deployment, invocation, body);
  const collector = new Collector();
  const exchange = context.services.dispatcher.dispatch(deployment, fn, request, collector);
  const leave = (): void => collector.abort(new CordonError('CORDON_CALLER_LEFT'));
  context.signal.addEventListener('abort', leave, { once: true });
  try {
    collector.attach(exchange);
    if (request.streams && body !== null) sendBody(collector, exchange, body);
    const { status, headers, chunks } = await collector.done;
    return {
      request: request.id,
      instance: collector.instance,
      status,
      headers: pairs(headers),
      bodyBase64: Buffer.concat(chunks).toString('base64'),
      ms: Math.round((context.clock.monotonic() - started) * 1000) / 1000,
    };
  } finally {
    context.signal.removeEventListener('abort', leave);
  }
}

function requestOf(deployment: Deployment, invocation: Invocation, body: Uint8Array | null): ExchangeRequest {
  const host = deployment.manifest.hosts[0] ?? 'localhost';
  const headers = invocation.headers.filter(([name]) => !FRAMING.has(name.toLowerCase())).flat();
  if (!invocation.headers.some(([name]) => name.toLowerCase() === 'host')) headers.push('host', host);
  if (body !== null) headers.push('content-length', String(body.byteLength));
  const inline = body === null || body.byteLength <= INLINE_BODY_BYTES;
  return {
    id: newId('req'),
    method: invocation.method,
    url: `http://${host}${invocation.path}`,
    headers,
    webSocket: false,
    body: inline ? body : null,
    streams: !inline,
  };
}

function sendBody(collector: Collector, exchange: Exchange, body: Uint8Array): void {
  let offset = 0;
  const push = (): void => {
    while (offset < body.byteLength) {
      const chunk = body.subarray(offset, offset + INLINE_BODY_BYTES);
      offset += chunk.byteLength;
      if (!exchange.write(chunk)) return;
    }
    collector.onDrain = null;
    exchange.end();
  };
  collector.onDrain = push;
  push();
}

function pairs(flat: FlatHeaders): [string, string][] {
  const result: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) result.push([flat[i] ?? '', flat[i + 1] ?? '']);
  return result;
}

interface Collected {
  readonly status: number;
  readonly headers: FlatHeaders;
  readonly chunks: Uint8Array[];
}

/** Gathers a response in memory, up to `invokeResponseBytesMax`. */
class Collector implements ResponseSink {
  readonly done: Promise<Collected>;
  instance: string | null = null;
  onDrain: (() => void) | null = null;
  readonly #resolve: (value: Collected) => void;
  readonly #reject: (reason: CordonError) => void;
  readonly #chunks: Uint8Array[] = [];
  #exchange: Exchange | null = null;
  #aborted = false;
  #bytes = 0;
  /** Bytes that came before the exchange was known. */
  #owed = 0;
  #status = 0;
  #headers: FlatHeaders = [];

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<Collected>();
    this.done = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    // A failure may come before anybody waits; `invoke` awaits the same promise later.
    promise.catch(() => undefined);
  }

  attach(exchange: Exchange): void {
    this.#exchange = exchange;
    if (this.#owed > 0) exchange.consumed(this.#owed);
    if (this.#aborted) exchange.abort();
  }

  abort(error: CordonError): void {
    this.#aborted = true;
    this.#exchange?.abort();
    this.#reject(error);
  }

  head(status: number, headers: FlatHeaders, body: Uint8Array | null, last: boolean): void {
    this.#status = status;
    this.#headers = headers;
    if (body !== null) this.data(body);
    if (last) this.end();
  }

  data(chunk: Uint8Array): void {
    if (this.#aborted) return;
    this.#bytes += chunk.byteLength;
    const bytesMax = LIMITS.invokeResponseBytesMax.value;
    if (this.#bytes > bytesMax) {
      const message = `Cannot return the response: it has more than ${bytesMax} bytes; call a route instead.`;
      this.abort(new CordonError('CORDON_RESPONSE_TOO_LARGE', message, { details: { bytesMax } }));
      return;
    }
    // Copied: the bytes may lie in a buffer that the channel uses again.
    this.#chunks.push(Buffer.from(chunk));
    if (this.#exchange === null) this.#owed += chunk.byteLength;
    else this.#exchange.consumed(chunk.byteLength);
  }

  end(): void {
    this.#resolve({ status: this.#status, headers: this.#headers, chunks: this.#chunks });
  }

  message(): void {
    // No WebSocket was asked for, so there is none to hear from.
  }

  closed(): void {
    this.end();
  }

  failed(error: CordonError): void {
    this.#reject(error);
  }

  drain(): void {
    this.onDrain?.();
  }

  assigned(instance: string): void {
    this.instance = instance;
  }
}
