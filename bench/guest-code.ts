/** Code of the functions that measure capabilities from the inside. They answer with JSON. */

/** `GET ?what=get|put&count=N&width=N`: times of single operations, `width` of them in flight, in µs. */
export const KV_CODE = `const KEYS = 100;
const value = 'x'.repeat(100);
const keyOf = (index) => 'key' + index % KEYS;

export default {
  async fetch(request, env) {
    const { searchParams } = new URL(request.url);
    const count = Number(searchParams.get('count'));
    const width = Number(searchParams.get('width'));
    const isPut = searchParams.get('what') === 'put';
    const micros = [];
    const startedAt = performance.now();
    let next = 0;
    async function work() {
      while (next < count) {
        const key = keyOf(next++);
        const before = performance.now();
        if (isPut) await env.STORE.put(key, value);
        else if (await env.STORE.get(key) !== value) throw new Error('It is not what was put.');
        micros.push((performance.now() - before) * 1000);
      }
    }
    await Promise.all(Array.from({ length: width }, work));
    return Response.json({ micros, seconds: (performance.now() - startedAt) / 1000 });
  },
};
`;

/** `GET ?what=put|get&bytes=N`: one object as a stream in pieces of 64 KiB. */
export const BUCKET_CODE = `const piece = new Uint8Array(65536).fill(7);

function bodyOf(bytes) {
  let left = bytes;
  return new ReadableStream({
    pull(controller) {
      const size = Math.min(left, piece.byteLength);
      controller.enqueue(piece.subarray(0, size));
      left -= size;
      if (left === 0) controller.close();
    },
  });
}

export default {
  async fetch(request, env) {
    const { searchParams } = new URL(request.url);
    const bytes = Number(searchParams.get('bytes'));
    const startedAt = performance.now();
    let moved = 0;
    if (searchParams.get('what') === 'put') {
      moved = (await env.FILES.put('object', bodyOf(bytes))).size;
    } else {
      const object = await env.FILES.get('object');
      for await (const chunk of object.body) moved += chunk.byteLength;
    }
    return Response.json({ moved, seconds: (performance.now() - startedAt) / 1000 });
  },
};
`;

/** `GET ?count=N`: times of single requests to `url`, in µs. */
export function egressCode(url: string): string {
  return `const url = ${JSON.stringify(url)};

export default {
  async fetch(request) {
    const count = Number(new URL(request.url).searchParams.get('count'));
    const micros = [];
    for (let index = 0; index < count; index += 1) {
      const before = performance.now();
      const response = await fetch(url);
      await response.text();
      if (response.status !== 200) throw new Error('The service answers ' + response.status + '.');
      micros.push((performance.now() - before) * 1000);
    }
    return Response.json({ micros });
  },
};
`;
}
