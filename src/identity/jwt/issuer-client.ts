import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import { CordonError, LIMITS } from '../../contract/index.ts';
import { Guard, asEgressError, guardedConnector } from '../../egress/index.ts';
import type { Resolver } from '../../egress/index.ts';

const CONNECTIONS_PER_ORIGIN_MAX = 2;

export interface IssuerClientOptions {
  readonly resolver: Resolver;
  /** Allows plain http, and addresses of private networks and of this machine. */
  readonly unsafePrivate: boolean;
  /** More certificates to trust than those of the runtime, in PEM. */
  readonly ca?: readonly string[] | undefined;
  /** Default: `LIMITS.issuerTimeoutMs`. */
  readonly timeoutMs?: number;
}

/**
 * Fetches documents of an issuer: over https, from public addresses alone, whole or not at all. It follows
 * no redirect, because what a redirect leads to is not what the manifest named.
 */
export class IssuerClient {
  /** How other clients have to speak to the issuer, so that they cannot pass the guard either. */
  readonly dispatcher: Dispatcher;
  readonly #unsafePrivate: boolean;
  readonly #timeoutMs: number;

  constructor({ resolver, unsafePrivate, ca, timeoutMs }: IssuerClientOptions) {
    this.#unsafePrivate = unsafePrivate;
    this.#timeoutMs = timeoutMs ?? LIMITS.issuerTimeoutMs.value;
    const guard = new Guard({ resolver, unsafePrivate });
    this.dispatcher = new Agent({
      connect: guardedConnector(guard, { connectTimeoutMs: this.#timeoutMs, ca }),
      allowH2: true,
      connections: CONNECTIONS_PER_ORIGIN_MAX,
      maxHeaderSize: LIMITS.egressHeadersBytesMax.value,
      keepAliveTimeout: LIMITS.egressKeepAliveMs.value,
    });
  }

  /** Fires when what begins now has to be done. */
  deadline(): AbortSignal {
    return AbortSignal.timeout(this.#timeoutMs);
  }

  /** Errors: CORDON_EGRESS_DENIED when requests may not go to this URL at all. */
  checkUrl(url: string): URL {
    const parsed = URL.parse(url);
    const isSafe = parsed?.protocol === 'https:' || (parsed?.protocol === 'http:' && this.#unsafePrivate);
    if (parsed !== null && isSafe && parsed.username === '' && parsed.password === '' && parsed.hash === '')
      return parsed;
    throw new CordonError(
      'CORDON_EGRESS_DENIED',
      `Cannot fetch ${JSON.stringify(url.slice(0, 200))}: it is not an https URL.`,
    );
  }

  /**
   * The JSON at a URL. It is tried again, a bounded number of times, when the issuer does not answer or fails.
   * Errors: CORDON_EGRESS_DENIED, CORDON_EGRESS_FAILED, CORDON_EGRESS_TIMEOUT, CORDON_EGRESS_TOO_LARGE.
   */
  async json(url: string, bytesMax: number, signal: AbortSignal = this.deadline()): Promise<unknown> {
    const parsed = this.checkUrl(url);
    for (let attempt = 1; ; attempt += 1) {
      const mayTryAgain = attempt < LIMITS.issuerAttemptsMax.value;
      try {
        const answer = await this.#get(parsed, bytesMax, signal);
        if (answer.status === 200) return parseJson(answer.body, parsed.host);
        if (answer.status < 500 || !mayTryAgain)
          throw failed(`${parsed.host} answered ${answer.status}, and 200 is expected`);
      } catch (thrown) {
        if (thrown instanceof CordonError) throw thrown;
        if (signal.aborted)
          throw new CordonError('CORDON_EGRESS_TIMEOUT', `${parsed.host} did not answer in time.`, {
            cause: thrown,
          });
        const error = asEgressError(thrown, parsed.host);
        if (!mayTryAgain) throw error;
      }
    }
  }

  close(): void {
    this.dispatcher.destroy().catch(() => undefined);
  }

  async #get(
    url: URL,
    bytesMax: number,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly body: Buffer }> {
    const { statusCode, headers, body } = await request(url, {
      dispatcher: this.dispatcher,
      headers: { accept: 'application/json, application/jwk-set+json' },
      signal,
    });
    // What is left of an answer that is refused is not waited for.
    body.on('error', () => undefined);
    try {
      if (statusCode !== 200) return { status: statusCode, body: Buffer.alloc(0) };
      const encoding = headers['content-encoding'];
      if (encoding !== undefined && encoding !== 'identity')
        throw failed(`${url.host} encodes its answer though nothing asked for that`);
      const pieces: Buffer[] = [];
      let bytes = 0;
      for await (const piece of body as AsyncIterable<Buffer>) {
        bytes += piece.byteLength;
        if (bytes > bytesMax) throw tooLarge(url.host, bytesMax);
        pieces.push(piece);
      }
      return { status: statusCode, body: Buffer.concat(pieces) };
    } finally {
      body.destroy();
    }
  }
}

function parseJson(body: Buffer, host: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw failed(`what ${host} answered is not JSON`, cause);
  }
}

function failed(why: string, cause?: unknown): CordonError {
  return new CordonError('CORDON_EGRESS_FAILED', `Cannot use the issuer: ${why}.`, { cause });
}

function tooLarge(host: string, bytesMax: number): CordonError {
  return new CordonError(
    'CORDON_EGRESS_TOO_LARGE',
    `Cannot use the issuer: ${host} answered more than ${bytesMax} bytes.`,
  );
}
