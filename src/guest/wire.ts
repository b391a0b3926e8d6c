import { Socket } from 'node:net';
import { FrameDecoder, HEADER_BYTES, writeHeader } from '../channel/index.ts';

/** Descriptor that the host leaves open: the only door of the sandbox. */
const CHANNEL_FD = 3;
/** Bytes up to which pending frames are copied together rather than written one by one. */
const JOIN_BYTES_MAX = 32 * 1024;
/** The host is trusted: it may send a whole bundle in one frame. */
const HOST_PAYLOAD_BYTES_MAX = 256 * 1024 * 1024;

export type FrameHandler = (type: number, flags: number, stream: number, payload: Uint8Array) => void;

/** The guest's end of the channel. Frames of one turn of the event loop leave in one write. */
export class Wire {
  /** Drops all output: for the warm-up. */
  muted = true;
  readonly #socket: Socket;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #scheduled = false;

  constructor(handle: FrameHandler) {
    const decoder = new FrameDecoder(HOST_PAYLOAD_BYTES_MAX);
    this.#socket = new Socket({ fd: CHANNEL_FD });
    // The runtime hands out its own byte arrays, whose `slice` shares memory. A plain view copies on `slice`.
    this.#socket.on('data', ({ buffer, byteOffset, byteLength }) =>
      decoder.push(new Uint8Array(buffer, byteOffset, byteLength), handle),
    );
    this.#socket.on('end', () => Deno.exit(0));
    this.#socket.on('close', () => Deno.exit(0));
    this.#socket.on('error', () => Deno.exit(0));
  }

  send(type: number, flags: number, stream: number, payload: Uint8Array | null): void {
    if (this.muted) return;
    const length = payload === null ? 0 : payload.byteLength;
    const header = new Uint8Array(HEADER_BYTES);
    writeHeader(header, length, type, flags, stream);
    this.#pending.push(header);
    if (payload !== null && length > 0) this.#pending.push(payload);
    this.#pendingBytes += HEADER_BYTES + length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(this.#flush);
  }

  readonly #flush = (): void => {
    const pieces = this.#pending;
    const bytes = this.#pendingBytes;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#scheduled = false;
    if (bytes <= JOIN_BYTES_MAX) {
      const joined = new Uint8Array(bytes);
      let offset = 0;
      for (const piece of pieces) {
        joined.set(piece, offset);
        offset += piece.byteLength;
      }
      this.#socket.write(joined);
      return;
    }
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    this.#socket.uncork();
  };
}
