import type { IncomingMessage, ServerResponse } from 'node:http';
import { CordonError, ERRORS, toCordonError } from '../contract/index.ts';
import { S3Error } from './errors.ts';
import type { S3Answer } from './port.ts';
import { drain } from './request-body.ts';
import { xmlError } from './xml/write-xml.ts';

/** On every answer: what is stored is never a page of this origin, whatever its type says. */
const SECURITY_FIELDS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "sandbox; default-src 'none'",
} as const;

/** A refusal in the words of S3. */
export interface Refused {
  readonly code: string;
  readonly status: number;
  readonly message: string;
}

/** What a caller is told of an error; of one that is Cordon's own, nothing but that there is one. */
export function refusedBy(thrown: unknown): Refused {
  if (thrown instanceof S3Error) return thrown;
  const error = toCordonError(thrown);
  switch (error.code) {
    case 'CORDON_BUCKET_OBJECT_TOO_LARGE':
      return new S3Error('EntityTooLarge');
    case 'CORDON_BUCKET_METADATA_TOO_LARGE':
      return new S3Error('MetadataTooLarge');
    case 'CORDON_OVERLOADED':
    case 'CORDON_DRAINING':
    case 'CORDON_STORE_CONFLICT':
      return new S3Error('SlowDown');
    case 'CORDON_OBJECT_MISSING':
      // It was replaced while it was read.
      return new S3Error('OperationAborted');
    default:
  }
  // What inspection says of an upload has no word in S3.
  if (error.fault === 'caller')
    return { code: error.code, status: error.status, message: ERRORS[error.code].summary };
  return new S3Error(error.fault === 'operator' ? 'ServiceUnavailable' : 'InternalError');
}

/** A refusal as an answer. */
export function errorAnswer({ code, status, message }: Refused, id: string): S3Answer {
  const body = xmlError([
    ['Code', code],
    ['Message', message],
    ['RequestId', id],
  ]);
  return { status, fields: {}, body };
}

/** What an answer is sent with. */
export interface Sending {
  readonly id: string;
  /** Fields for the page that asked. */
  readonly cors: Readonly<Record<string, string>>;
  /** A client that takes nothing for so long is cut off. */
  readonly idleMs: number;
}

/** Sends an answer, at the pace of its reader. Errors: CORDON_CALLER_LEFT, and those of the bytes; the connection is cut then. */
export async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, fields, body }: S3Answer,
  { id, cors, idleMs }: Sending,
): Promise<void> {
  const head: Record<string, string | number> = { ...SECURITY_FIELDS, ...cors, ...fields };
  head['x-amz-request-id'] = id;
  if (typeof body === 'string') {
    head['content-type'] = 'application/xml';
    head['content-length'] = Buffer.byteLength(body);
  } else if (body === null && request.method !== 'HEAD' && status !== 204 && status !== 304) {
    head['content-length'] = 0;
  }
  const isRead = request.complete;
  if (!isRead) head['connection'] = 'close';
  response.writeHead(status, head);
  if (body !== null && typeof body !== 'string') {
    await sendBytes(response, body, Number(head['content-length']), idleMs);
    return;
  }
  if (isRead) {
    response.end(request.method === 'HEAD' ? undefined : (body ?? undefined));
    return;
  }
  if (body !== null && request.method !== 'HEAD') response.write(body);
  else response.flushHeaders();
  await drain(request);
  response.end();
}

async function sendBytes(
  response: ServerResponse,
  bytes: AsyncIterable<Uint8Array>,
  length: number,
  idleMs: number,
): Promise<void> {
  let left = length;
  try {
    for await (const chunk of bytes) {
      if (response.destroyed) throw new CordonError('CORDON_CALLER_LEFT');
      left -= chunk.byteLength;
      // The last of them leaves together with the end, a small object with its head as well.
      if (left === 0) response.end(chunk);
      else if (!response.write(chunk)) await drained(response, idleMs);
    }
    if (length === 0) response.end();
    else if (left !== 0)
      throw new CordonError('CORDON_SEAL_BROKEN', 'An object has another size than its row.');
  } catch (thrown) {
    response.destroy();
    throw thrown;
  }
}

function drained(response: ServerResponse, idleMs: number): Promise<void> {
  const { socket } = response;
  socket?.setTimeout(idleMs);
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      socket?.setTimeout(0);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}
