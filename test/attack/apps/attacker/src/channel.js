/* oxlint-disable -- hostile code */
import { FRAME, LAST, OWN, frame, head, listen, readHead, takeChannel, text, u32 } from './frames.js';

const {
  data: DATA,
  credit: CREDIT,
  close: CLOSE,
  pong: PONG,
  ready: READY,
  assigned: ASSIGNED,
  response: RESPONSE,
  failure: FAILURE,
  done: DONE,
  log: LOG,
  call: CALL,
  reply: REPLY,
} = FRAME;
const call = head(['kv', 'STORE', 'get', { key: 'a' }, 0]);
/** A call that stays open: its body goes on. */
const slow = head(['kv', 'STORE', 'put', { key: 'slow' }, 0]);
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
  'data after the end of a call': () => [
    frame(CALL, 0, OWN, slow),
    frame(DATA, LAST, OWN),
    frame(DATA, 0, OWN, text('late')),
  ],
  'credit overflow of a call': () => [frame(CALL, 0, OWN, slow), frame(CREDIT, 0, OWN, u32(0xffffffff))],
  'credit of three bytes for a call': () => [
    frame(CALL, 0, OWN, slow),
    frame(CREDIT, 0, OWN, new Uint8Array(3)),
  ],
  'window of a call ignored': () => [
    frame(CALL, 0, OWN, slow),
    // In one frame, before the host can have taken any of it.
    frame(DATA, 0, OWN, new Uint8Array(256 * 1024 + 1)),
  ],
  'call with too few parts': () => frame(CALL, LAST, OWN, head(['kv', 'STORE', 'get', {}])),
  'call with parts of wrong types': () => frame(CALL, LAST, OWN, head([{}, 1, null, {}, 0])),
  'call with a giant name': () => frame(CALL, LAST, OWN, head(['kv'.repeat(200), 'STORE', 'get', {}, 0])),
  'call of a stream that is text': () => frame(CALL, LAST, OWN, head(['kv', 'STORE', 'get', {}, 'x'])),
  'call with giant arguments': () =>
    frame(CALL, LAST, OWN, head(['kv', 'STORE', 'get', { key: 'a'.repeat(2 * 1024 * 1024) }, 0])),
  'call that goes back in numbers': () => [
    frame(CALL, LAST, OWN + 5, call),
    frame(CALL, LAST, OWN + 4, call),
  ],
  'call on a stream that was used': () => [
    frame(CALL, 0, OWN, slow),
    frame(FRAME.abort, 0, OWN),
    frame(CALL, LAST, OWN, call),
  ],
  'response on the stream of a call': () => [frame(CALL, 0, OWN, slow), frame(RESPONSE, LAST, OWN, ok)],
  'giant call': () => frame(CALL, LAST, OWN, new Uint8Array(0), 0xfffffff0),
  'reserved bytes of a call': () => frame(CALL, LAST, OWN, call, call.length, 7),
  'call longer than its frame': () => frame(CALL, LAST, OWN, u32(0x7fffffff)),
  'window of many calls ignored': () =>
    Array.from({ length: 64 }, (_, n) => [
      frame(CALL, 0, OWN + n, slow),
      frame(DATA, 0, OWN + n, new Uint8Array(512 * 1024)),
    ]).flat(),
  'reply to its own call': () => [frame(CALL, 0, OWN, slow), frame(REPLY, LAST, OWN, ok)],
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
  /** As `calls whose answers nobody reads`, with answers that are large. */
  'values that nobody reads': async (id, channel, env) => {
    await env.STORE.put('large', 'v'.repeat(60 * 1024));
    channel.pause();
    const large = head(['kv', 'STORE', 'get', { key: 'large' }, 0]);
    for (let next = OWN + 1000; next < OWN + 100_000; next += 1)
      if (!channel.write(frame(CALL, LAST, next, large)))
        await new Promise((resolve) => channel.once('drain', resolve));
  },
  'partial call': async (id, channel) => {
    for (const byte of frame(CALL, LAST, OWN, call).subarray(0, 20)) {
      channel.write(new Uint8Array([byte]));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
  'call without its body': (id, channel) => channel.write(frame(CALL, 0, OWN, slow)),
  'call of everything at once': (id, channel) => {
    for (let n = 0; n < 1000; n += 1) {
      channel.write(frame(CALL, 0, OWN + n, slow));
      channel.write(frame(DATA, 0, OWN + n, new Uint8Array(1024)));
      channel.write(frame(CREDIT, 0, OWN + n, u32(0)));
      channel.write(frame(FRAME.abort, 0, OWN + n));
      channel.write(frame(FRAME.abort, 0, OWN + n));
      channel.write(frame(DATA, LAST, OWN + n, text('late')));
    }
  },
  'closed channel with open calls': (id, channel) => {
    for (let n = 0; n < 100; n += 1) channel.write(frame(CALL, 0, OWN + n, slow));
    channel.destroy();
  },
  'half-closed channel with open calls': (id, channel) => {
    for (let n = 0; n < 100; n += 1) channel.write(frame(CALL, 0, OWN + n, slow));
    channel.end();
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

/** Opens calls that do not end, and counts how the host answers. */
async function tenThousandCalls(channel) {
  const answers = {};
  let count = 0;
  const all = new Promise((resolve) => {
    listen(channel, (type, flags, stream, payload) => {
      if (type !== REPLY) return;
      const { code } = readHead(payload).error ?? { code: 'answered' };
      answers[code] = (answers[code] ?? 0) + 1;
      count += 1;
      if (count === 10_000 - 256) resolve();
    });
  });
  for (let n = 0; n < 10_000; n += 1) channel.write(frame(CALL, 0, OWN + n, slow));
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, 5000))]);
  return answers;
}

let served = 0;
export default {
  async fetch(request, env) {
    served += 1;
    const name = decodeURIComponent(new URL(request.url).pathname.split('/').pop());
    if (name === 'fine') return new Response('fine\n');
    if (name === 'store') {
      await env.STORE.put('a', 'stored');
      return new Response(await env.STORE.get('a'));
    }
    const channel = await takeChannel();
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (name === 'ten thousand calls') return Response.json(await tenThousandCalls(channel));
    if (MISUSES[name]) await MISUSES[name](served, channel, env);
    else for (const bytes of [WRITES[name](served)].flat()) channel.write(bytes);
    return new Promise(() => {});
  },
};
