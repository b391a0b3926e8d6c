/* oxlint-disable -- hostile code */
import { builtin } from './attempts.js';

const never = () => new Promise(() => {});
const keep = [];
const BOMBS = {
  'cpu loop': () => {
    for (;;);
  },
  'microtask flood': async () => {
    for (;;) await null;
  },
  'nextTick flood': () => {
    const again = () => process.nextTick(again);
    again();
    return never();
  },
  'promise flood': () => {
    const again = () => {
      for (let i = 0; i < 1000; i += 1) keep.push(Promise.resolve().then(again));
    };
    again();
    return never();
  },
  'regular expression': () => /^(a+)+$/.test(`${'a'.repeat(64)}!`) && new Response('matched'),
  'array buffers': () => {
    for (;;) keep.push(new Uint8Array(8 * 1024 * 1024).fill(1));
  },
  objects: () => {
    for (;;) keep.push({ a: [1, 2, 3], b: String(Math.random()) });
  },
  strings: () => {
    for (let i = 0; ; i += 1) keep.push(Array.from({ length: 1_000_000 }, () => i).join(','));
  },
  'wasm memory': () => {
    for (;;) {
      const memory = new WebAssembly.Memory({ initial: 256 });
      new Uint8Array(memory.buffer).fill(1);
      keep.push(memory);
    }
  },
  'shared buffers': () => {
    for (;;) keep.push(new Uint8Array(new SharedArrayBuffer(16 * 1024 * 1024)).fill(1));
  },
  blobs: () => {
    for (;;) keep.push(new Blob([new Uint8Array(8 * 1024 * 1024)]));
  },
  workers: async () => {
    const url = URL.createObjectURL(
      new Blob(['setInterval(() => {}, 1); for (;;);'], { type: 'text/javascript' }),
    );
    for (let i = 0; i < 1000; i += 1) keep.push(new Worker(url, { type: 'module' }));
    return never();
  },
  threads: () => {
    const { Worker: Thread } = builtin('node:worker_threads');
    for (let i = 0; i < 1000; i += 1) keep.push(new Thread('for (;;);', { eval: true }));
    return never();
  },
  processes: () => {
    let made = 0;
    for (let i = 0; i < 1000; i += 1) {
      try {
        new Deno.Command('/bin/deno').spawn();
        made += 1;
      } catch {}
    }
    return new Response(`made ${made}`, { status: made === 0 ? 500 : 200 });
  },
  disk: async () => {
    let written = 0;
    for (let i = 0; i < 200; i += 1) {
      try {
        await Deno.writeFile(`/tmp/fill-${i}`, new Uint8Array(1024 * 1024));
        written += 1;
      } catch {}
      try {
        builtin('node:fs').writeFileSync(`/fill-${i}`, new Uint8Array(1024 * 1024));
        written += 1;
      } catch {}
    }
    return new Response(`wrote ${written}`, { status: written === 0 ? 500 : 200 });
  },
  descriptors: async () => {
    let made = 0;
    for (let i = 0; i < 5000; i += 1) {
      try {
        keep.push(builtin('node:fs').openSync('/harness.mjs', 'r'));
        made += 1;
      } catch {}
      try {
        keep.push(new (builtin('node:sqlite').DatabaseSync)(':memory:'));
      } catch {}
      try {
        keep.push(new (builtin('node:net').Socket)({ fd: 3 }));
      } catch {}
    }
    return never();
  },
  'log flood': async () => {
    for (;;) {
      for (let i = 0; i < 200; i += 1) console.log('flood '.repeat(1000));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  },
  'many log lines': () => {
    for (;;) console.log('x');
  },
  'response headers': () => {
    const headers = new Headers();
    for (let i = 0; i < 2000; i += 1) headers.append(`x-${i}`, 'y'.repeat(1000));
    return new Response('large', { headers });
  },
  'endless answer': () =>
    new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)) })),
  'huge answer': () => new Response(new Uint8Array(40 * 1024 * 1024)),
  exit: () => Deno.exit(0),
  abort: () => process.abort(),
  'process.exit in a timer': () => {
    setTimeout(() => process.exit(7), 10);
    return never();
  },
  'blocked thread': () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
  'broken built-ins': () => {
    Promise.prototype.then = () => undefined;
    Uint8Array.prototype.set = () => undefined;
    Map.prototype.get = () => undefined;
    return new Response('broken');
  },
  fine: () => new Response('fine\n'),
};

export default {
  fetch(request) {
    return BOMBS[decodeURIComponent(new URL(request.url).pathname.split('/').pop())]();
  },
};
