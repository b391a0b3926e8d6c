import type { IncomingMessage, ServerResponse } from 'node:http';
import { CordonError, LIMITS, newId } from '../contract/index.ts';
import { FailureCounter, REASONS } from '../identity/index.ts';
import { isLoopback, plainAddress } from '../transport/index.ts';
import { errorAnswer, refusedBy, sendAnswer } from './answer.ts';
import { CorsRules } from './cors.ts';
import { S3Error } from './errors.ts';
import { answerRequest } from './exchange.ts';
import type { ExchangeParts, Received } from './exchange.ts';
import { S3Listener } from './listener.ts';
import type { S3Answer, S3Caller, S3Limits, S3Options, S3Services, S3Use } from './port.ts';

/** The S3 endpoint while it listens. */
export interface S3Server {
  readonly port: number;
  /** Removes multipart uploads that nobody finished, as happens by itself now and then. Returns how many. */
  sweep(): Promise<number>;
  /** Accepts no more connections and waits for what runs, at most `drainTimeoutMs`. Close it before the store. */
  close(): Promise<void>;
}

/**
 * Opens the endpoint. Errors: CORDON_PORT_TAKEN, CORDON_ADDRESS_REFUSED, CORDON_USAGE; CORDON_PLAINTEXT_REFUSED
 * without TLS on an address that others reach.
 */
export async function openS3Server(options: S3Options): Promise<S3Server> {
  const isExposed = options.tls === null && !isLoopback(options.host);
  if (isExposed && options.unsafePlaintext !== true)
    throw new CordonError(
      'CORDON_PLAINTEXT_REFUSED',
      `The S3 endpoint would speak plain HTTP on ${options.host}.`,
    );
  const endpoint = new S3Endpoint(options);
  const listener = new S3Listener(
    { tls: options.tls, connectionsMax: endpoint.limits.connectionsMax },
    {
      request: (received) => void endpoint.serve(received),
      dropped: (address, kind, reason) => endpoint.dropped(address, kind, reason),
    },
  );
  const { port } = await listener.listen(options);
  let sweeping: Promise<number> | null = null;
  const sweep = (): Promise<number> => {
    sweeping ??= options.uploads.sweep(options.clock.now()).finally(() => {
      sweeping = null;
    });
    return sweeping;
  };
  const sweepInBackground = (): void => {
    sweep().catch((thrown: unknown) => endpoint.failed(thrown));
  };
  sweepInBackground();
  const timer = setInterval(sweepInBackground, LIMITS.s3UploadSweepMs.value);
  timer.unref();
  return {
    port,
    sweep,
    async close() {
      clearInterval(timer);
      await listener.close();
      await sweeping?.catch(() => undefined);
    },
  };
}

/** Serves requests, and tells the operator of those that matter. */
class S3Endpoint {
  readonly limits: S3Limits;
  readonly #options: S3Options;
  readonly #services: S3Services;
  readonly #cors: CorsRules;
  readonly #failures: FailureCounter;
  #served = 0;

  constructor(options: S3Options) {
    this.limits = {
      partBytesMin: LIMITS.s3PartBytesMin.value,
      bodyIdleTimeoutMs: LIMITS.bodyIdleTimeoutMs.value,
      connectionsMax: LIMITS.s3ConnectionsMax.value,
      requestsMax: LIMITS.s3RequestsMax.value,
      ...options.limits,
    };
    const { buckets, uploads, clock } = options;
    this.#options = options;
    this.#services = { buckets, uploads, clock, limits: this.limits };
    this.#cors = new CorsRules(options.origins ?? []);
    this.#failures = new FailureCounter(clock);
  }

  async serve(received: Received): Promise<void> {
    const { request, response } = received;
    const id = newId('req');
    const sending = {
      id,
      cors: this.#cors.fieldsFor(request.headers.origin),
      idleMs: this.limits.bodyIdleTimeoutMs,
    };
    this.#served += 1;
    try {
      // Connections bound them only where each has one: requests may follow each other unanswered.
      if (this.#served > this.limits.requestsMax) throw new S3Error('SlowDown', { reason: 'requests' });
      const answer = await this.#answer(received, id);
      await sendAnswer(request, response, answer, sending);
    } catch (thrown) {
      const refused = refusedBy(thrown);
      if (refused.code === 'CORDON_CALLER_LEFT' || response.destroyed) return;
      this.#report(request, id, thrown, refused.status);
      await refuse(request, response, errorAnswer(refused, id), sending);
    } finally {
      this.#served -= 1;
    }
  }

  /** A connection that carried no request. */
  dropped(address: string, kind: 'limit.exceeded' | 'request.malformed', reason: string): void {
    this.#record(kind, 'low', null, reason, { address });
  }

  /** Work of the endpoint's own that failed. */
  failed(thrown: unknown): void {
    this.#record('platform.degraded', 'medium', null, codeOf(thrown), { endpoint: 's3' });
  }

  #answer(received: Received, id: string): Promise<S3Answer> {
    const { request } = received;
    if (request.method === 'OPTIONS') {
      const fields = new Map(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      return Promise.resolve(this.#cors.preflight(fields));
    }
    const parts: ExchangeParts = {
      services: this.#services,
      accessKeys: this.#options.accessKeys,
      denied: (caller, use) => this.#denied(request, id, caller, use),
      authenticating: (work) => this.#authenticating(request, id, work),
    };
    return answerRequest(parts, received);
  }

  async #authenticating<T>(request: IncomingMessage, id: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      if (!(thrown instanceof S3Error) || !isOfIdentity(thrown)) throw thrown;
      const { reason, claimed, code } = thrown;
      const address = addressOf(request);
      const refusedMs = this.#failures.refusedFor(address);
      for (const { by, name, failures, windowMs } of this.#failures.failed(address, claimed, reason))
        this.#record('auth.stuffing', 'high', id, code, { by, name, failures, windowMs });
      const severity = reason === REASONS.missing ? 'info' : 'low';
      this.#record('auth.failed', severity, id, code, { address, accessKey: claimed, why: reason });
      // Who tries many keys is not told which of them there are.
      throw refusedMs > 0 ? new S3Error('SlowDown', { reason }) : thrown;
    }
  }

  #denied(request: IncomingMessage, id: string, caller: S3Caller, use: S3Use): void {
    const address = addressOf(request);
    this.#record('access.denied', 'medium', id, 'AccessDenied', { address, accessKey: caller.id, ...use });
  }

  /** What is worth an operator's look, and was not told where it happened. */
  #report(request: IncomingMessage, id: string, thrown: unknown, status: number): void {
    const why = thrown instanceof S3Error ? thrown.reason : String(thrown);
    const detail = { address: addressOf(request), method: request.method ?? '', why };
    const code = codeOf(thrown);
    const isInternal = thrown instanceof CordonError && thrown.fault === 'internal';
    if (code === 'SlowDown') this.#record('limit.exceeded', 'low', id, code, detail);
    else if (status === 400 || status === 501) this.#record('request.invalid', 'info', id, code, detail);
    else if (status >= 500 || isInternal) this.#record('platform.degraded', 'high', id, code, detail);
  }

  #record(
    kind: Parameters<S3Options['evidence']['record']>[0]['kind'],
    severity: Parameters<S3Options['evidence']['record']>[0]['severity'],
    request: string | null,
    reason: string,
    detail: Readonly<Record<string, unknown>>,
  ): void {
    this.#options.evidence.record({
      kind,
      severity,
      app: null,
      function: null,
      instance: null,
      request,
      reason,
      detail,
    });
  }
}

async function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  answer: S3Answer,
  sending: Parameters<typeof sendAnswer>[3],
): Promise<void> {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  try {
    await sendAnswer(request, response, answer, sending);
  } catch {
    // There is nobody left to tell.
    response.destroy();
  }
}

/** Whether it says that the caller could not be told, rather than that its request makes no sense. */
function isOfIdentity({ status, claimed, reason, code }: S3Error): boolean {
  if (reason === REASONS.missing) return true;
  return status === 403 || (claimed !== null && code.startsWith('Authorization'));
}

function codeOf(thrown: unknown): string {
  return thrown instanceof S3Error || thrown instanceof CordonError ? thrown.code : 'InternalError';
}

function addressOf({ socket }: IncomingMessage): string {
  return plainAddress(socket.remoteAddress ?? '');
}
