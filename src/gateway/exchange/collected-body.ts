import type { Exchange } from '../../instance/index.ts';

const PIECE_BYTES = 64 * 1024;

/** A body that a stage has collected and that is too large for one frame, on its way to a function at its pace. */
export class CollectedBody {
  readonly #bytes: Uint8Array;
  #sent = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Sends what the function takes now; to be called again when it takes more. */
  send(exchange: Exchange): void {
    if (this.#sent > this.#bytes.byteLength) return;
    while (this.#sent < this.#bytes.byteLength) {
      const piece = this.#bytes.subarray(this.#sent, this.#sent + PIECE_BYTES);
      this.#sent += piece.byteLength;
      if (!exchange.write(piece)) return;
    }
    this.#sent = Number.POSITIVE_INFINITY;
    exchange.end();
  }
}
