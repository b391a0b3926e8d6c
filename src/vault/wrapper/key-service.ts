import { setTimeout as delay } from 'node:timers/promises';
import { CordonError, LIMITS } from '../../contract/index.ts';
import { parseAnswer } from './answer.ts';

const BACKOFF_MS = 200;
const MESSAGE_CHARS_MAX = 500;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

export interface KeyServiceRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: string;
}

export interface KeyServiceOptions {
  readonly timeoutMs?: number;
  /** Waits between attempts; tests give their own. */
  readonly wait?: (ms: number) => Promise<unknown>;
}

/** Where a key service is. Errors: CORDON_KEY_INVALID unless it is HTTPS, or HTTP on this machine. */
export function parseServiceAddress(address: string): URL {
  const url = URL.parse(address);
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.has(url.hostname));
  if (url === null || !isSafe || url.username !== '' || url.search !== '' || url.hash !== '') {
    throw new CordonError(
      'CORDON_KEY_INVALID',
      `Cannot use ${JSON.stringify(address)} as a key service: give an https:// address, or http:// on this machine.`,
    );
  }
  return url;
}

/**
 * Posts to a key service and returns its JSON. Tries again, a bounded number of times, when it does not
 * answer, is overloaded or fails. `sign` makes each attempt anew. `isThrottled` knows refusals that pass.
 * Errors: CORDON_KEY_UNAVAILABLE, CORDON_KEY_REFUSED.
 */
export async function callKeyService(
  service: string,
  sign: () => KeyServiceRequest | Promise<KeyServiceRequest>,
  options: KeyServiceOptions & { readonly isThrottled?: (body: string) => boolean } = {},
): Promise<unknown> {
  const wait = options.wait ?? ((ms: number) => delay(ms));
  for (let attempt = 1; ; attempt += 1) {
    const answer = await post(await sign(), options.timeoutMs ?? LIMITS.keyServiceTimeoutMs.value);
    if (answer.status >= 200 && answer.status < 300) return parseAnswer(answer.body, service);
    const passes =
      answer.status === 0 ||
      answer.status === 429 ||
      answer.status >= 500 ||
      options.isThrottled?.(answer.body) === true;
    const details = {
      service,
      status: answer.status,
      answer: answer.body.slice(0, MESSAGE_CHARS_MAX),
      attempt,
    };
    if (!passes) {
      throw new CordonError(
        'CORDON_KEY_REFUSED',
        `Cannot use the key service: ${service} answered ${answer.status}.`,
        { details },
      );
    }
    if (attempt >= LIMITS.keyServiceAttemptsMax.value) {
      const reason = answer.status === 0 ? 'does not answer' : `answers ${answer.status}`;
      throw new CordonError('CORDON_KEY_UNAVAILABLE', `Cannot use the key service: ${service} ${reason}.`, {
        details,
        cause: answer.cause,
      });
    }
    // Full jitter, so that nodes that failed together do not come back together.
    await wait(Math.random() * BACKOFF_MS * 2 ** attempt);
  }
}

interface Answer {
  /** 0: there was none. */
  readonly status: number;
  readonly body: string;
  readonly cause?: unknown;
}

async function post(request: KeyServiceRequest, timeoutMs: number): Promise<Answer> {
  try {
    const response = await fetch(request.url, {
      method: 'POST',
      headers: request.headers,
      body: request.body,
      // A redirect would take the credentials and the key elsewhere.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, body: await readBounded(response) };
  } catch (cause) {
    return { status: 0, body: '', cause };
  }
}

async function readBounded(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const body: AsyncIterable<Uint8Array> | null = response.body;
  if (body === null) return '';
  for await (const part of body) {
    bytes += part.byteLength;
    if (bytes > LIMITS.keyAnswerBytesMax.value) throw new Error('The answer is too large.');
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
