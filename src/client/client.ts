import { CordonError, ERRORS, type ErrorCode, type Secret } from '../contract/index.ts';
import type { ControlApi, ErrorBody } from '../control/index.ts';

/** `METHOD /path` of an operation. */
export type OperationKey = keyof ControlApi;
type Json = 'application/json';
type StreamKey = 'GET /v1/logs/stream';
/** Answers in formats of others. */
type MessageKey = 'GET /v1/events/{id}/cloudevent' | 'GET /v1/cloudevents';

/** A field of the input that may be left out where nothing in it is required. */
type Field<Name extends string, T> = [T] extends [undefined]
  ? { readonly [K in Name]?: undefined }
  : Record<never, never> extends T
    ? { readonly [K in Name]?: T }
    : { readonly [K in Name]: T };

/** What an operation takes. */
export type CallInput<K extends OperationKey> = Field<'params', ControlApi[K]['params']> &
  Field<'query', ControlApi[K]['query']> &
  Field<'body', ControlApi[K]['body']> & { readonly signal?: AbortSignal };

interface AnyInput {
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  readonly query?: Readonly<Record<string, unknown>> | undefined;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** What an operation answers. */
export type CallResult<K extends OperationKey> = ControlApi[K]['response'];

export interface ClientOptions {
  /** Base URL of the control API, such as `http://127.0.0.1:8081`. */
  readonly url: string;
  readonly token: Secret;
}

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/**
 * A client of the control API. Its types are those of the table of operations; at run time it knows only
 * how a request is put together. Every failure is a `CordonError`: the server's own code, or
 * CORDON_SERVER_UNREACHABLE.
 */
export class ControlClient {
  readonly url: string;
  readonly #token: Secret;

  /** Errors: CORDON_CREDENTIALS_INVALID where the token would leave this machine unencrypted. */
  constructor(options: ClientOptions) {
    const url = URL.parse(options.url);
    if (
      url === null ||
      (url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.test(url.hostname)))
    ) {
      const message = `Cannot use ${options.url}: a control URL is https, or http on loopback.`;
      throw new CordonError('CORDON_CREDENTIALS_INVALID', message, { details: { url: options.url } });
    }
    this.url = url.href.replace(/\/+$/, '');
    this.#token = options.token;
  }

  /** Carries out one operation, such as `client.call('GET /v1/apps/{app}', { params: { app: 'shop' } })`. */
  async call<K extends Exclude<OperationKey, StreamKey | MessageKey>>(
    key: K,
    input: CallInput<K>,
  ): Promise<CallResult<K>> {
    const response = await this.#fetch(key, input);
    return (await this.#json(response)) as CallResult<K>;
  }

  /** Follows an event stream until `signal` fires or the server ends it. */
  async *stream<K extends StreamKey>(
    key: K,
    input: CallInput<K>,
  ): AsyncGenerator<CallResult<K>, void, undefined> {
    const { signal } = input;
    const response = await this.#fetch(key, input);
    if (response.body === null) return;
    try {
      for await (const data of eventData(response.body)) yield JSON.parse(data) as CallResult<K>;
    } catch (cause) {
      if (signal?.aborted === true) return;
      throw this.#unreachable(cause);
    }
  }

  async #fetch(key: string, input: AnyInput): Promise<Response> {
    const [method = 'GET', template = '/'] = key.split(' ', 2);
    const { body, signal } = input;
    const headers: Record<string, string> = {
      authorization: `Bearer ${this.#token.reveal()}`,
      accept: 'application/json',
    };
    if (body instanceof Uint8Array) headers['content-type'] = 'application/x-tar';
    else if (body !== undefined) headers['content-type'] = 'application/json' satisfies Json;
    let response: Response;
    try {
      response = await fetch(this.url + fillPath(template, input.params) + queryText(input.query), {
        method,
        headers,
        // Following one would hand the token to whoever the redirect names.
        redirect: 'error',
        ...(body === undefined
          ? {}
          : { body: body instanceof Uint8Array ? bodyBytes(body) : JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (cause) {
      if (signal?.aborted === true) throw new CordonError('CORDON_CALLER_LEFT', undefined, { cause });
      throw this.#unreachable(cause);
    }
    if (!response.ok) throw errorOf(await this.#json(response), response.status);
    return response;
  }

  async #json(response: Response): Promise<unknown> {
    try {
      return await response.json();
    } catch (cause) {
      const message = `What answers at ${this.url} is not a Cordon server.`;
      throw new CordonError('CORDON_SERVER_UNREACHABLE', message, { details: { url: this.url }, cause });
    }
  }

  #unreachable(cause: unknown): CordonError {
    const message = `No Cordon server answers at ${this.url}.`;
    return new CordonError('CORDON_SERVER_UNREACHABLE', message, { details: { url: this.url }, cause });
  }
}

function bodyBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

function fillPath(template: string, params: AnyInput['params']): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params?.[name])));
}

function queryText(query: AnyInput['query']): string {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  if (given.length === 0) return '';
  return `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()}`;
}

/** The server's error as this side's; a code of a newer server becomes CORDON_INTERNAL and stays in `details`. */
function errorOf(body: unknown, status: number): CordonError {
  const error = (body as Partial<ErrorBody> | null)?.error;
  if (typeof error !== 'object' || typeof error.code !== 'string') {
    return new CordonError(
      'CORDON_SERVER_UNREACHABLE',
      `The answer has status ${status} and is not Cordon's.`,
    );
  }
  const details = { ...error.details, id: error.id };
  if (isErrorCode(error.code)) return new CordonError(error.code, error.message, { details });
  return new CordonError('CORDON_INTERNAL', error.message, { details: { ...details, code: error.code } });
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/** The data of each server-sent event (HTML standard, section 9.2); comments and other fields are passed over. */
async function* eventData(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  let rest = '';
  let data: string[] = [];
  const decoder = new TextDecoder();
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
      if (line.startsWith('data:')) data.push(line.slice(line.startsWith('data: ') ? 6 : 5));
      if (line !== '' || data.length === 0) continue;
      yield data.join('\n');
      data = [];
    }
  }
}
