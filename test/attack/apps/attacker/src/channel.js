/* oxlint-disable -- hostile code */
import { builtin } from './attempts.js';

const { Socket } = builtin('node:net');

/** Takes the harness's end of the channel: it is the socket that the next log line is written to. */
function takeChannel() {
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

const text = (value) => new TextEncoder().encode(value);
function frame(type, flags, stream, payload = new Uint8Array(0), length = payload.length, reserved = 0) {
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
function head(value, body = new Uint8Array(0)) {
  const json = typeof value === 'string' ? text(value) : text(JSON.stringify(value));
  const bytes = new Uint8Array(4 + json.length + body.length);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, 4);
  bytes.set(body, 4 + json.length);
  return bytes;
}
const u32 = (value) => new Uint8Array(new Uint32Array([value]).buffer);

const DATA = 3,
  CREDIT = 5,
  CLOSE = 6,
  PONG = 8,
  READY = 16,
  ASSIGNED = 17,
  RESPONSE = 18,
  FAILURE = 19,
  DONE = 20,
  LOG = 21;
const CALL = 22,
  REPLY = 23;
const LAST = 1;
/** First stream that a guest numbers itself. */
const OWN = 0x80000001;
const call = head(['kv', 'STORE', 'get', { key: 'a' }, 0]);
const ok = head([200, ['content-type', 'text/plain']], text('ok'));

/** What is written, given the number of the stream that asks. */
const WRITES = {
  noise: () => crypto.getRandomValues(new Uint8Array(4096)).fill(255, 0, 4),
  'giant frame': () => frame(RESPONSE, 0, 1, new Uint8Array(0), 0xffffffff),
  'frame past the limit': () => frame(LOG, 1, 0, new Uint8Array(0), 1024 * 1024 + 4 * 1024 + 1),
  'reserved bytes': (id) => frame(RESPONSE, LAST, id, ok, ok.length, 1),
  'unknown type': (id) => frame(99, 0, id),
  'type of the host': (id) => frame(2, 0, id, ok),
  'unknown stream': () => frame(RESPONSE, LAST, 4_000_000, ok),
  'stream of the future': () => frame(CREDIT, 0, 4_000_000, u32(1)),
  'second response': (id) => [frame(RESPONSE, 0, id, ok), frame(RESPONSE, 0, id, ok)],
  'data before the head': (id) => frame(DATA, 0, id, text('early')),
  'data after the end': (id) => [frame(RESPONSE, LAST, id, ok), frame(DATA, 0, id, text('late'))],
  'done without an answer': (id) => frame(DONE, 0, id),
  'done twice': (id) => [frame(RESPONSE, LAST | 16, id, ok), frame(DONE, 0, id)],
  'credit overflow': (id) => frame(CREDIT, 0, id, u32(0xffffffff)),
  'credit of three bytes': (id) => frame(CREDIT, 0, id, new Uint8Array(3)),
  'close without a WebSocket': (id) => frame(CLOSE, 0, id, new Uint8Array([232, 3])),
  'ready again': () => frame(READY, 0, 0),
  'assigned again': () => frame(ASSIGNED, 0, 0, head({ handlers: ['fetch'], failure: null })),
  'head longer than its frame': (id) => frame(RESPONSE, LAST, id, u32(0x7fffffff)),
  'head that is not JSON': (id) => frame(RESPONSE, LAST, id, head('{')),
  'head of a wrong shape': (id) => frame(RESPONSE, LAST, id, head({ status: 200 })),
  'status out of range': (id) => frame(RESPONSE, LAST, id, head([99999, []])),
  'header that is no text': (id) => frame(RESPONSE, LAST, id, head([200, ['a', { toString: 1 }]])),
  'failure of a wrong shape': (id) => frame(FAILURE, 0, id, head(null)),
  'log of an unknown level': () => frame(LOG, 77, 0, text('x')),
  'call on a stream of the host': (id) => frame(CALL, LAST, id, call),
  'call on a stream twice': () => [frame(CALL, LAST, OWN, call), frame(CALL, LAST, OWN, call)],
  'call with a malformed head': () => frame(CALL, LAST, OWN, head({ capability: 'kv' })),
  'call that is not JSON': () => frame(CALL, LAST, OWN, head('[')),
  'data for a call that is not open': () => frame(DATA, 0, OWN + 7, text('x')),
  'reply of the guest': () => frame(REPLY, LAST, OWN, call),
  'answer on a stream of its own': () => frame(RESPONSE, LAST, OWN, ok),
  'window ignored': (id) => [
    frame(RESPONSE, 0, id, ok),
    ...Array.from({ length: 256 }, () => frame(DATA, 0, id, new Uint8Array(64 * 1024))),
  ],
};

/** Writes that the protocol allows and that must still not hurt. */
const MISUSES = {
  'calls whose answers nobody reads': async (id, channel) => {
    channel.pause();
    const one = frame(CALL, LAST, OWN, call);
    for (let next = OWN; next < OWN + 1_000_000;) {
      const block = new Uint8Array(500 * one.length);
      const view = new DataView(block.buffer);
      for (let n = 0; n < 500; n += 1, next += 1) {
        block.set(one, n * one.length);
        view.setUint32(n * one.length + 8, next, true);
      }
      // Waits for the host to take it, so that the host is what fills up.
      if (!channel.write(block)) await new Promise((resolve) => channel.once('drain', resolve));
    }
  },
  'denials without end': (id, channel) => {
    for (let i = 0; i < 5000; i += 1) channel.write(frame(24, 0, id, text('invented')));
  },
  'partial frame': async (id, channel) => {
    for (const byte of frame(LOG, 1, 0, text('x'), 1000).subarray(0, 11)) {
      channel.write(new Uint8Array([byte]));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
  'header injection': (id, channel) =>
    channel.write(
      frame(
        RESPONSE,
        LAST | 16,
        id,
        head([200, ['x-a', 'b\r\nset-cookie: stolen=1\r\n\r\n<html>']], text('split')),
      ),
    ),
  'header name injection': (id, channel) =>
    channel.write(
      frame(RESPONSE, LAST | 16, id, head([200, ['x-a: b\r\nset-cookie', 'stolen=1']], text('split'))),
    ),
  'framing headers': (id, channel) =>
    channel.write(
      frame(
        RESPONSE,
        LAST | 16,
        id,
        head(
          [200, ['content-length', '5', 'content-length', '0', 'transfer-encoding', 'chunked']],
          text('smuggled answer'),
        ),
      ),
    ),
  'informational status': (id, channel) =>
    channel.write(frame(RESPONSE, LAST | 16, id, head([102, []], text('x')))),
  'pong nobody asked for': (id, channel) => channel.write(frame(PONG, 0, 0)),
  'closed channel': (id, channel) => channel.destroy(),
  'half-closed channel': (id, channel) => channel.end(),
};

let served = 0;
export default {
  async fetch(request) {
    served += 1;
    const name = decodeURIComponent(new URL(request.url).pathname.split('/').pop());
    if (name === 'fine') return new Response('fine\n');
    const channel = await takeChannel();
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (MISUSES[name]) await MISUSES[name](served, channel);
    else for (const bytes of [WRITES[name](served)].flat()) channel.write(bytes);
    return new Promise(() => {});
  },
};
