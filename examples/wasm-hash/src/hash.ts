import { blake3, crc32, xxhash64 } from 'hash-wasm';
import addModule from './add.wasm';

const algorithms: Readonly<Record<string, (data: Uint8Array) => Promise<string>>> = {
  blake3,
  crc32,
  xxhash64,
};

/** `POST /hash/:algorithm` hashes the body, `GET /hash/add/:a/:b` calls a module of our own. */
export default {
  async fetch(request) {
    const [, , first = '', a, b] = new URL(request.url).pathname.split('/');
    if (request.method === 'GET') return new Response(String(add(Number(a), Number(b))));

    const hash = Object.hasOwn(algorithms, first) ? algorithms[first] : undefined;
    if (!hash) return Response.json({ error: 'unknown algorithm' }, { status: 404 });
    return new Response(await hash(new Uint8Array(await request.arrayBuffer())));
  },
} satisfies ExportedHandler;

function add(a: number, b: number): number {
  const { exports } = new WebAssembly.Instance(addModule);
  const call = exports['add'] as (a: number, b: number) => number;
  return call(a, b);
}
