/** How data travels: what a consumer gets again. */
export type SentType = 'json' | 'text' | 'bytes';

const encoder = new TextEncoder();

/** Whether a content type that code gave is one. Errors: TypeError. */
export function checkSentType(given: unknown): SentType {
  if (given !== 'json' && given !== 'text' && given !== 'bytes')
    throw new TypeError(`"${String(given)}" is no content type: use json, text or bytes.`);
  return given;
}

/** The bytes of what is sent. Errors: TypeError for data that is not of its type. */
export function encodeSent(data: unknown, type: SentType): Uint8Array {
  if (type === 'text') {
    if (typeof data !== 'string') throw new TypeError('Data of the type text has to be a string.');
    return encoder.encode(data);
  }
  if (type === 'bytes') {
    if (data instanceof ArrayBuffer) return new Uint8Array(data);
    if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    throw new TypeError('Data of the type bytes has to be an ArrayBuffer or a view of one.');
  }
  const text = JSON.stringify(data) as string | undefined;
  if (text === undefined) throw new TypeError('The data cannot be written as JSON.');
  return encoder.encode(text);
}

/** One after the other, as the body of a call. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  for (const piece of pieces) {
    all.set(piece, offset);
    offset += piece.byteLength;
  }
  return all;
}
