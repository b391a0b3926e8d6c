import type { IncomingMessage } from 'node:http';
import { CordonError, LIMITS } from '../contract/index.ts';
import { ARCHIVE, type AnyOperation } from './operation.ts';

/**
 * Reads what the operation takes as its body: bytes, parsed JSON, or nothing.
 * Errors: CORDON_INPUT_INVALID, CORDON_BODY_TOO_LARGE, CORDON_CALLER_LEFT.
 */
export async function readBody(request: IncomingMessage, operation: AnyOperation): Promise<unknown> {
  if (operation.body === null) {
    const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
    if (length !== '0' || coding !== undefined) throw invalid('The operation takes no body.');
    return undefined;
  }
  const archive = operation.body === ARCHIVE;
  const wanted = archive ? ARCHIVE : 'application/json';
  const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type !== wanted) throw invalid(`The body has to be ${wanted}, not ${type === '' ? 'untyped' : type}.`);
  if (request.headers['content-encoding'] !== undefined) throw invalid('The body must not be compressed.');
  const bytes = await readBytes(
    request,
    (archive ? LIMITS.controlBodyBytesMax : LIMITS.controlJsonBytesMax).value,
  );
  if (archive) return bytes;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw invalid('The body is not valid JSON in UTF-8.', cause);
  }
}

function invalid(message: string, cause?: unknown): CordonError {
  return new CordonError('CORDON_INPUT_INVALID', message, { cause });
}

async function readBytes(request: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      bytes += chunk.byteLength;
      if (bytes <= bytesMax) chunks.push(chunk);
      else finish(tooLarge(bytesMax));
    };
    const onEnd = (): void => finish(null);
    const onGone = (cause?: unknown): void =>
      finish(new CordonError('CORDON_CALLER_LEFT', undefined, { cause }));
    const finish = (error: CordonError | null): void => {
      request.off('data', onData).off('end', onEnd).off('close', onGone);
      if (error === null) resolve(Buffer.concat(chunks, bytes));
      else reject(error);
    };
    // The error listener stays: an error may also come after the body has been given up.
    request.on('data', onData).on('end', onEnd).on('close', onGone).on('error', onGone);
  });
}

function tooLarge(bytesMax: number): CordonError {
  const message = `Cannot take the body: it has more than ${bytesMax} bytes.`;
  return new CordonError('CORDON_BODY_TOO_LARGE', message, { details: { bytesMax } });
}
