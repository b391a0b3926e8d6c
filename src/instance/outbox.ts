import type { Socket } from 'node:net';
import { HEADER_BYTES, writeHeader } from '../channel/index.ts';

/** Bytes up to which the frames of one turn are joined; beyond it they leave by one gathering write. */
const JOIN_BYTES_MAX = 64 * 1024;
/** Payloads up to this size are copied behind their header. */
const COPY_BYTES_MAX = 16 * 1024;
/** Bytes that may wait before answers that can wait do. */
const CONGESTED_BYTES = 4 * 1024 * 1024;

/** Frames on their way to a guest. Those of one turn of the event loop leave in one system call. */
export class Outbox {
  readonly #socket: Socket;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #scheduled = false;
  readonly #waiters: (() => void)[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('drain', this.#admit);
  }

  /** True while the guest takes less than it asks for. */
  get congested(): boolean {
    return this.waitingBytes > CONGESTED_BYTES;
  }

  /** Calls back once when there is room; while it is congested only. */
  whenRoom(callback: () => void): void {
    this.#waiters.push(callback);
  }

  /** Bytes that the guest has not taken yet. */
  get waitingBytes(): number {
    return this.#bytes + this.#socket.writableLength;
  }

  send(type: number, flags: number, stream: number, payload: Uint8Array | null): void {
    const length = payload === null ? 0 : payload.byteLength;
    if (payload !== null && length > COPY_BYTES_MAX) {
      const header = Buffer.allocUnsafe(HEADER_BYTES);
      writeHeader(header, length, type, flags, stream);
      this.#push(header);
      this.#push(payload);
      return;
    }
    const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
    writeHeader(frame, length, type, flags, stream);
    if (payload !== null) frame.set(payload, HEADER_BYTES);
    this.#push(frame);
  }

  /** A frame whose payload is a JSON head and bytes, written without an intermediate copy of the head. */
  sendHead(type: number, flags: number, stream: number, head: unknown, body: Uint8Array | null): void {
    const json = JSON.stringify(head);
    const headBytes = Buffer.byteLength(json);
    const bodyBytes = body === null ? 0 : body.byteLength;
    const copied = bodyBytes <= COPY_BYTES_MAX;
    const frame = Buffer.allocUnsafe(HEADER_BYTES + 4 + headBytes + (copied ? bodyBytes : 0));
    writeHeader(frame, 4 + headBytes + bodyBytes, type, flags, stream);
    frame.writeUInt32LE(headBytes, HEADER_BYTES);
    frame.write(json, HEADER_BYTES + 4);
    if (body !== null && copied) frame.set(body, HEADER_BYTES + 4 + headBytes);
    this.#push(frame);
    if (body !== null && !copied) this.#push(body);
  }

  #push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#bytes += piece.byteLength;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  }

  readonly #admit = (): void => {
    while (!this.congested) {
      const waiter = this.#waiters.shift();
      if (waiter === undefined) return;
      waiter();
    }
  };

  readonly #flush = (): void => {
    const pieces = this.#pieces;
    const bytes = this.#bytes;
    this.#pieces = [];
    this.#bytes = 0;
    this.#scheduled = false;
    if (this.#socket.destroyed) return;
    const [first] = pieces;
    if (pieces.length === 1 && first !== undefined) {
      this.#socket.write(first);
      return;
    }
    if (bytes <= JOIN_BYTES_MAX) {
      this.#socket.write(Buffer.concat(pieces, bytes));
      return;
    }
    this.#socket.cork();
    for (const piece of withSmallJoined(pieces)) this.#socket.write(piece);
    this.#socket.uncork();
  };
}

/**
 * Small pieces joined, in their order: one that waits costs the host some hundred bytes besides its own, and a
 * guest chooses how small the answers to its calls are.
 */
function* withSmallJoined(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  let run: Uint8Array[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    const isSmall = piece.byteLength <= COPY_BYTES_MAX;
    if (!isSmall || bytes + piece.byteLength > JOIN_BYTES_MAX) {
      if (run.length > 0) yield Buffer.concat(run, bytes);
      run = [];
      bytes = 0;
    }
    if (!isSmall) yield piece;
    else {
      run.push(piece);
      bytes += piece.byteLength;
    }
  }
  if (run.length > 0) yield Buffer.concat(run, bytes);
}
