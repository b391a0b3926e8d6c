import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';

/** A frame of HTTP/2 as it came. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4 } as const;

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const HEAD_BYTES = 9;

/** A client of HTTP/2 that sends what it is told, frame by frame, right or wrong. */
export class FrameClient {
  readonly socket: TLSSocket;
  readonly frames: Frame[] = [];
  closed = false;
  #rest: Buffer = Buffer.alloc(0);
  #wake: (() => void)[] = [];

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      this.#notify();
    });
  }

  /** Connects, and sends the preface with empty settings. */
  static async open(port: number): Promise<FrameClient> {
    const socket = connect({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false });
    const client = new FrameClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', () => resolve());
      socket.once('error', reject);
    });
    socket.write(PREFACE);
    client.send(FRAME.settings, 0, 0);
    return client;
  }

  send(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): void {
    this.sendBytes(frame(type, flags, stream, payload));
  }

  sendBytes(bytes: Uint8Array): void {
    if (this.socket.writable) this.socket.write(bytes);
  }

  /** Sends a whole request without a body. */
  request(stream: number, fields: readonly (readonly [string, string])[] = get('/')): void {
    this.send(FRAME.headers, FLAG.endStream | FLAG.endHeaders, stream, fieldBlock(fields));
  }

  /** Resolves with the first frame that fits; throws when the connection ends before. */
  async until(fits: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const found = this.frames.find(fits);
      if (found !== undefined) return found;
      if (this.closed) throw new Error(`closed after ${JSON.stringify(this.frames.map(({ type }) => type))}`);
      await this.#next();
    }
  }

  /** Resolves with the error code of the first GOAWAY once the connection is closed; -1 where none came. */
  async goneWith(): Promise<number> {
    while (!this.closed) await this.#next();
    const goaway = this.frames.find(({ type }) => type === FRAME.goaway);
    return goaway === undefined ? -1 : goaway.payload.readUInt32BE(4);
  }

  destroy(): void {
    this.socket.destroy();
  }

  #read(bytes: Buffer): void {
    let rest = Buffer.concat([this.#rest, bytes]);
    while (rest.length >= HEAD_BYTES) {
      const length = rest.readUIntBE(0, 3);
      if (rest.length < HEAD_BYTES + length) break;
      const stream = rest.readUInt32BE(5) & 0x7fffffff;
      const payload = rest.subarray(HEAD_BYTES, HEAD_BYTES + length);
      this.frames.push({ type: rest.readUInt8(3), flags: rest.readUInt8(4), stream, payload });
      rest = rest.subarray(HEAD_BYTES + length);
    }
    this.#rest = rest;
    this.#notify();
  }

  #next(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Fields as HPACK literals without indexing and without Huffman coding (RFC 7541 section 6.2.2). */
export function fieldBlock(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));
}

/** The fields of a GET, with more behind them. */
export function get(path: string, ...more: (readonly [string, string])[]): (readonly [string, string])[] {
  return [[':method', 'GET'], [':scheme', 'https'], [':authority', 'shop.example'], [':path', path], ...more];
}

/** A 32-bit number, as RST_STREAM and WINDOW_UPDATE carry it. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([integer(bytes.length, 7), bytes]);
}

/** RFC 7541 section 5.1. */
function integer(value: number, prefixBits: number): Buffer {
  const max = 2 ** prefixBits - 1;
  if (value < max) return Buffer.from([value]);
  const bytes = [max];
  let left = value - max;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  bytes.push(left);
  return Buffer.from(bytes);
}

/** Status codes that nghttp2 encodes by their index alone (RFC 7541 appendix A). */
const INDEXED = new Map([
  [0x88, 200],
  [0x8c, 400],
  [0x8d, 404],
]);

/** Status of the answer on a stream; 0 for one that is none of 200, 400 and 404. */
export async function statusOf(client: FrameClient, stream: number): Promise<number> {
  const { payload } = await client.until((got) => got.type === FRAME.headers && got.stream === stream);
  return INDEXED.get(payload.readUInt8(0)) ?? 0;
}

/** The fields of a GET of `/a`, one of them with another value. */
export function replaced(name: string, value: string): (readonly [string, string])[] {
  return get('/a').map((field) => (field[0] === name ? [name, value] : field));
}
