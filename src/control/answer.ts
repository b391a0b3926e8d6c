import type { IncomingMessage, ServerResponse } from 'node:http';
import { ERRORS, type CordonError } from '../contract/index.ts';
import type { MessageAnswer } from './operation.ts';
import type { ErrorBody } from './schema.ts';

/** How long a refused client may go on sending its body before the connection is cut, in ms. */
const DRAIN_MS = 2000;
const DRAIN_BYTES_MAX = 128 * 1024 * 1024;

function headersFor(text: string): Record<string, string | number> {
  return {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  };
}

/** Answers with JSON. */
export function answerJson(response: ServerResponse, status: number, value: unknown): void {
  if (response.destroyed) return;
  const text = JSON.stringify(value);
  response.writeHead(status, headersFor(text)).end(text);
}

/** Answers with a message of another format. */
export function answerMessage(
  response: ServerResponse,
  status: number,
  { headers, body }: MessageAnswer,
): void {
  if (response.destroyed) return;
  const own = ['cache-control', 'no-store', 'x-content-type-options', 'nosniff'];
  const length = ['content-length', String(body?.byteLength ?? 0)];
  response.writeHead(status, [...headers, ...own, ...length]).end(body ?? undefined);
}

/**
 * Answers with what went wrong. The message of an internal error stays in the security event; the client
 * gets the id that finds it.
 */
export async function answerError(
  request: IncomingMessage,
  response: ServerResponse,
  error: CordonError,
  id: string,
): Promise<void> {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const internal = error.fault === 'internal';
  const body: ErrorBody = {
    error: {
      code: error.code,
      message: internal ? ERRORS[error.code].summary : error.message,
      next: error.next,
      details: internal ? {} : { ...error.details },
      id,
    },
  };
  const text = JSON.stringify(body);
  const headers = headersFor(text);
  if (error.status === 401) headers['www-authenticate'] = 'Bearer realm="cordon"';
  const { allow } = error.details;
  if (error.status === 405 && typeof allow === 'string') headers['allow'] = allow;
  if (request.complete) {
    response.writeHead(error.status, headers).end(text);
    return;
  }
  // Closing while the client still sends would reset the connection before it has read the answer.
  response.writeHead(error.status, { ...headers, connection: 'close' }).write(text);
  await drain(request);
  response.end();
}

async function drain(request: IncomingMessage): Promise<void> {
  await new Promise<void>((resolve) => {
    let bytes = 0;
    const timer = setTimeout(resolve, DRAIN_MS);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes > DRAIN_BYTES_MAX) done();
    });
    request.on('end', done).on('close', done).on('error', done);
    request.resume();
  });
}
