/* oxlint-disable -- hostile code */
import { builtin } from './attempts.js';

const { Socket } = builtin('node:net');

/** Takes the harness's end of the channel: it is the socket that the next log line is written to. */
export function takeChannel() {
  const write = Socket.prototype.write;
  return new Promise((resolve) => {
    Socket.prototype.write = function (...args) {
      Socket.prototype.write = write;
      resolve(this);
      return write.apply(this, args);
    };
    console.log('hello');
  });
}

export const text = (value) => new TextEncoder().encode(value);
export function frame(
  type,
  flags,
  stream,
  payload = new Uint8Array(0),
  length = payload.length,
  reserved = 0,
) {
  const bytes = new Uint8Array(12 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  bytes[4] = type;
  bytes[5] = flags;
  view.setUint16(6, reserved, true);
  view.setUint32(8, stream, true);
  bytes.set(payload, 12);
  return bytes;
}
export function head(value, body = new Uint8Array(0)) {
  const json = typeof value === 'string' ? text(value) : text(JSON.stringify(value));
  const bytes = new Uint8Array(4 + json.length + body.length);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, 4);
  bytes.set(body, 4 + json.length);
  return bytes;
}
export const u32 = (value) => new Uint8Array(new Uint32Array([value]).buffer);

export const FRAME = {
  data: 3,
  credit: 5,
  abort: 4,
  close: 6,
  pong: 8,
  ready: 16,
  assigned: 17,
  response: 18,
  failure: 19,
  done: 20,
  log: 21,
  call: 22,
  reply: 23,
};
export const LAST = 1;
/** First stream that a guest numbers itself. */
export const OWN = 0x80000001;

/** Calls `take` for each frame that the host sends from now on. */
export function listen(channel, take) {
  let rest = new Uint8Array(0);
  channel.on('data', (chunk) => {
    const bytes = new Uint8Array(rest.length + chunk.length);
    bytes.set(rest);
    bytes.set(chunk, rest.length);
    const view = new DataView(bytes.buffer);
    let offset = 0;
    while (bytes.length - offset >= 12 && bytes.length - offset - 12 >= view.getUint32(offset, true)) {
      const end = offset + 12 + view.getUint32(offset, true);
      take(
        bytes[offset + 4],
        bytes[offset + 5],
        view.getUint32(offset + 8, true),
        bytes.slice(offset + 12, end),
      );
      offset = end;
    }
    rest = bytes.slice(offset);
  });
}

/** The JSON at the start of a frame. */
export function readHead(payload) {
  const length = new DataView(payload.buffer, payload.byteOffset).getUint32(0, true);
  return JSON.parse(new TextDecoder().decode(payload.subarray(4, 4 + length)));
}
