/** Bytes of a frame's header: payload length (u32), type (u8), flags (u8), zero (u16), stream (u32), little endian. */
export const HEADER_BYTES = 12;

/** What a frame says. `H` comes from the host only, `G` from the guest only, `B` from either. */
export const FRAME = {
  /** H: the bundle and the name of a function, once. */
  assign: 1,
  /** H: head of a request and the first or only piece of its body. */
  request: 2,
  /** B: a piece of a body, or one WebSocket message. */
  data: 3,
  /** H: the caller left or the time is over. */
  abort: 4,
  /** B: the receiver took so many bytes of a stream and accepts as many more. */
  credit: 5,
  /** B: end of a WebSocket. */
  close: 6,
  /** H: are you alive? */
  ping: 7,
  /** G: the answer to a ping. */
  pong: 8,
  /** G: the harness is warm and waits for `assign`. */
  ready: 16,
  /** G: the bundle is loaded, or why not. */
  assigned: 17,
  /** G: head of a response and the first or only piece of its body. */
  response: 18,
  /** G: the handler failed; after a response head it cuts the body. */
  failure: 19,
  /** G: nothing of this stream runs any more, `waitUntil` included. */
  done: 20,
  /** G: a log line. */
  log: 21,
  /** G: a call to the broker, on a stream that the guest numbers; its body may go on in `data`. */
  call: 22,
  /** H: the answer to a call; its body may go on in `data`. */
  reply: 23,
  /** G: the code asked for the network; a text says how. Informs, and decides nothing. */
  denied: 24,
} as const;

export type FrameType = (typeof FRAME)[keyof typeof FRAME];

/** Streams with this bit are calls of the guest; the others are requests of the host. */
export const CALL_STREAM_BIT = 0x80000000;

/** Bits of a frame's flags. */
export const FLAG = {
  /** No body follows. */
  last: 1,
  /** The request asks for a WebSocket. */
  webSocket: 2,
  /** The message is text. */
  text: 4,
  /** `assign`: load the bundle, report, and take no request. */
  check: 8,
  /** The same as a `done` frame after this one. */
  done: 16,
  /** `request`: the head is that of an event. */
  event: 32,
} as const;

/** Log levels as they travel in the flags of a `log` frame. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** Thrown by the decoder on bytes that are not frames. The channel is dead after it. */
export class ChannelViolation extends Error {
  override readonly name = 'ChannelViolation';
}

/** Writes a frame's header into the first `HEADER_BYTES` of `target`. */
export function writeHeader(
  target: Uint8Array,
  length: number,
  type: number,
  flags: number,
  stream: number,
): void {
  target[0] = length;
  target[1] = length >>> 8;
  target[2] = length >>> 16;
  target[3] = length >>> 24;
  target[4] = type;
  target[5] = flags;
  target[6] = 0;
  target[7] = 0;
  target[8] = stream;
  target[9] = stream >>> 8;
  target[10] = stream >>> 16;
  target[11] = stream >>> 24;
}

/** A whole frame in one array: for small payloads. */
export function encodeFrame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array | null,
): Uint8Array {
  const length = payload === null ? 0 : payload.byteLength;
  const frame = new Uint8Array(HEADER_BYTES + length);
  writeHeader(frame, length, type, flags, stream);
  if (payload !== null) frame.set(payload, HEADER_BYTES);
  return frame;
}

function readU32(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset] ?? 0) |
      ((bytes[offset + 1] ?? 0) << 8) |
      ((bytes[offset + 2] ?? 0) << 16) |
      ((bytes[offset + 3] ?? 0) << 24)) >>>
    0
  );
}

const EMPTY = new Uint8Array(0);

/**
 * Cuts a byte stream into frames without copying: a payload is a view of the pushed chunk unless the frame
 * came in several. `payloadBytesMax` bounds what one frame may claim, before any of it is buffered.
 */
export class FrameDecoder {
  readonly #payloadBytesMax: number;
  #pieces: Uint8Array[] = [];
  #buffered = 0;
  /** Whole frame length that is waited for; 0 while the header itself is incomplete. */
  #needed = 0;

  constructor(payloadBytesMax: number) {
    this.#payloadBytesMax = payloadBytesMax;
  }

  /** Calls `take` for each frame that `chunk` completes. Errors: `ChannelViolation`. */
  push(
    chunk: Uint8Array,
    take: (type: number, flags: number, stream: number, payload: Uint8Array) => void,
  ): void {
    let rest = chunk;
    while (this.#buffered > 0) {
      // No more is joined than the frame, or its header, that waits.
      const missing = (this.#needed === 0 ? HEADER_BYTES : this.#needed) - this.#buffered;
      const part = rest.subarray(0, missing);
      this.#pieces.push(part);
      this.#buffered += part.byteLength;
      if (part.byteLength < missing) return;
      rest = rest.subarray(missing);
      this.#cut(this.#join(), take);
    }
    this.#cut(rest, take);
  }

  #cut(
    bytes: Uint8Array,
    take: (type: number, flags: number, stream: number, payload: Uint8Array) => void,
  ): void {
    let offset = 0;
    while (bytes.byteLength - offset >= HEADER_BYTES) {
      const length = readU32(bytes, offset);
      if (length > this.#payloadBytesMax) throw new ChannelViolation(`a frame claims ${length} bytes`);
      if (bytes[offset + 6] !== 0 || bytes[offset + 7] !== 0)
        throw new ChannelViolation('reserved bytes are set');
      const end = offset + HEADER_BYTES + length;
      if (end > bytes.byteLength) {
        this.#needed = HEADER_BYTES + length;
        break;
      }
      const payload = length === 0 ? EMPTY : bytes.subarray(offset + HEADER_BYTES, end);
      take(bytes[offset + 4] ?? 0, bytes[offset + 5] ?? 0, readU32(bytes, offset + 8), payload);
      offset = end;
    }
    this.#keep(bytes, offset);
  }

  #keep(bytes: Uint8Array, offset: number): void {
    const rest = bytes.byteLength - offset;
    if (rest === 0) return;
    this.#pieces = [bytes.subarray(offset)];
    this.#buffered = rest;
    if (rest < HEADER_BYTES) this.#needed = 0;
  }

  #join(): Uint8Array {
    const joined = new Uint8Array(this.#buffered);
    let offset = 0;
    for (const piece of this.#pieces) {
      joined.set(piece, offset);
      offset += piece.byteLength;
    }
    this.#pieces = [];
    this.#buffered = 0;
    this.#needed = 0;
    return joined;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Joins a JSON head and bytes: u32 length of the head, the head, the bytes. */
export function encodeHead(head: unknown, body: Uint8Array | null): Uint8Array {
  const text = encoder.encode(JSON.stringify(head));
  const length = body === null ? 0 : body.byteLength;
  const payload = new Uint8Array(4 + text.byteLength + length);
  new DataView(payload.buffer).setUint32(0, text.byteLength, true);
  payload.set(text, 4);
  if (body !== null) payload.set(body, 4 + text.byteLength);
  return payload;
}

/** The reverse of `encodeHead`; the body is a view. Errors: `ChannelViolation`. */
export function decodeHead(payload: Uint8Array): { head: unknown; body: Uint8Array } {
  const length = payload.byteLength < 4 ? Number.POSITIVE_INFINITY : readU32(payload, 0);
  if (length > payload.byteLength - 4) throw new ChannelViolation('a head is longer than its frame');
  try {
    const head: unknown = JSON.parse(decoder.decode(payload.subarray(4, 4 + length)));
    return { head, body: payload.subarray(4 + length) };
  } catch {
    throw new ChannelViolation('a head is not JSON');
  }
}

/** A `credit` payload. */
export function encodeCredit(bytes: number): Uint8Array {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, bytes, true);
  return payload;
}

/** Errors: `ChannelViolation`. */
export function decodeCredit(payload: Uint8Array): number {
  if (payload.byteLength !== 4) throw new ChannelViolation('a credit is not four bytes');
  return readU32(payload, 0);
}

/** A `close` payload: u16 code, then the reason in UTF-8. */
export function encodeClose(code: number, reason: string): Uint8Array {
  const text = encoder.encode(reason);
  const payload = new Uint8Array(2 + text.byteLength);
  payload[0] = code;
  payload[1] = code >>> 8;
  payload.set(text, 2);
  return payload;
}

/** Errors: `ChannelViolation`. */
export function decodeClose(payload: Uint8Array): { code: number; reason: string } {
  if (payload.byteLength < 2 || payload.byteLength > 125)
    throw new ChannelViolation('a close frame has a wrong size');
  return {
    code: (payload[0] ?? 0) | ((payload[1] ?? 0) << 8),
    reason: new TextDecoder().decode(payload.subarray(2)),
  };
}
