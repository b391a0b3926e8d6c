import type { IncomingMessage, ServerResponse } from 'node:http';
import { LIMITS } from '../contract/index.ts';
import { S3Error } from './errors.ts';

/** How long a refused client may go on sending its body before the connection is cut, in ms, and how much. */
const DRAIN_MS = 2000;
const DRAIN_BYTES_MAX = 64 * 1024 * 1024;

/**
 * The bytes of a body as they arrive, framing of HTTP removed. The client is told to go on when the first of
 * them is asked for; one that pauses for longer than `idleMs` is cut off. Errors: IncompleteBody.
 */
export async function* requestBytes(
  request: IncomingMessage,
  response: ServerResponse,
  { awaitsContinue, idleMs }: { readonly awaitsContinue: boolean; readonly idleMs: number },
): AsyncGenerator<Uint8Array> {
  if (awaitsContinue) response.writeContinue();
  const { socket } = request;
  socket.setTimeout(idleMs);
  try {
    // The connection still has to carry the answer.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
  } catch (cause) {
    throw new S3Error('IncompleteBody', { reason: 'the connection ended inside the body', cause });
  } finally {
    socket.setTimeout(0);
  }
}

/** A body of XML as a whole. Errors: MalformedXML beyond `s3XmlBytesMax`, as S3 has it. */
export async function collectXml(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > LIMITS.s3XmlBytesMax.value) throw new S3Error('MalformedXML', { reason: 'too long' });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** Reads what a refused client still sends, within bounds: closing at once would reset its connection before it has read the answer. */
export function drain(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    let bytes = 0;
    const timer = setTimeout(resolve, DRAIN_MS);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    // Who read the body left its place at the stream, where `readable` would hold back `data`.
    request.removeAllListeners('readable');
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes > DRAIN_BYTES_MAX) done();
    });
    request.on('end', done).on('close', done).on('error', done);
    request.resume();
  });
}
