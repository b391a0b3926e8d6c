const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What code gives as a value, as the body of a call. Errors: TypeError for what is no bytes. */
export function bodyOf(value: unknown): Uint8Array | ReadableStream<Uint8Array> {
  if (typeof value === 'string') return encoder.encode(value);
  if (value instanceof ReadableStream) return value as ReadableStream<Uint8Array>;
  if (value instanceof ArrayBuffer) return new Uint8Array(value.slice(0));
  // A copy: code may go on with its buffer before the host has it.
  if (ArrayBuffer.isView(value))
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
  throw new TypeError('A value has to be a string, an ArrayBuffer, a view of one or a ReadableStream.');
}

export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** All bytes of a stream of a known size, in memory of their own. Errors: TypeError when it has another size. */
export async function bytesFrom(
  stream: ReadableStream<Uint8Array> | null,
  size: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const all = new Uint8Array(size);
  let offset = 0;
  if (stream !== null) {
    for await (const piece of stream) {
      if (offset + piece.byteLength > size) throw new TypeError('The value is longer than it said.');
      all.set(piece, offset);
      offset += piece.byteLength;
    }
  }
  if (offset < size) throw new TypeError('The value is shorter than it said.');
  return all;
}
