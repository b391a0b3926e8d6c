import { S3Error } from '../errors.ts';

const LF = 0x0a;
const NOTHING = new Uint8Array(0);

/** Reads lines and counted bytes from a body as it arrives; holds one piece of it, and one line at most. */
export class ByteReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = NOTHING;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#pieces = source[Symbol.asyncIterator]();
  }

  /** A line without its CRLF. Errors: IncompleteBody at the end; InvalidRequest for another end or over `most` bytes. */
  async line(most: number): Promise<string> {
    let text = '';
    for (;;) {
      const piece = await this.#current();
      if (piece === null) throw incomplete();
      const end = piece.indexOf(LF);
      const taken = piece.subarray(0, end === -1 ? Math.min(piece.length, most + 2) : end + 1);
      text += Buffer.from(taken.buffer, taken.byteOffset, taken.byteLength).toString('latin1');
      this.#piece = piece.subarray(taken.length);
      if (text.length > most + 2) throw malformed('a line of the chunked body is too long');
      if (end === -1) continue;
      if (!text.endsWith('\r\n')) throw malformed('a line of the chunked body does not end as it has to');
      return text.slice(0, -2);
    }
  }

  /** From 1 to `most` bytes. Errors: IncompleteBody at the end. */
  async some(most: number): Promise<Uint8Array> {
    const piece = await this.#current();
    if (piece === null) throw incomplete();
    const taken = piece.subarray(0, most);
    this.#piece = piece.subarray(taken.length);
    return taken;
  }

  async isAtEnd(): Promise<boolean> {
    return (await this.#current()) === null;
  }

  /** Lets go of the source. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async #current(): Promise<Uint8Array | null> {
    while (this.#piece.length === 0) {
      const next = await this.#pieces.next();
      if (next.done === true) return null;
      this.#piece = next.value;
    }
    return this.#piece;
  }
}

function incomplete(): S3Error {
  return new S3Error('IncompleteBody', { reason: 'the body ends inside of a chunk or before the last one' });
}

function malformed(reason: string): S3Error {
  return new S3Error('InvalidRequest', { reason });
}
