const CHUNK = new Uint8Array(64 * 1024).fill(0x2e);
const DOWNLOAD_BYTES_MAX = 128 * 1024 * 1024;
const TICKS_MAX = 100;

/** Bodies that flow while they are made: nothing here waits for the whole of anything. */
export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case '/streams/upper':
        return new Response(request.body?.pipeThrough(upperCase()) ?? null);
      case '/streams/ticks':
        return ticks(
          Math.min(Number(searchParams.get('count') ?? 5), TICKS_MAX),
          Number(searchParams.get('every') ?? 100),
        );
      case '/streams/download':
        return download(Math.min(Number(searchParams.get('bytes') ?? 1024), DOWNLOAD_BYTES_MAX));
      default:
        return Response.json({ bytes: await countBytes(request.body) });
    }
  },
} satisfies ExportedHandler;

/** ASCII only, so that a character split over two chunks does no harm. */
function upperCase(): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk.map((byte) => (byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte)));
    },
  });
}

function ticks(count: number, everyMs: number): Response {
  const encoder = new TextEncoder();
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (sent === count) return controller.close();
      if (sent > 0) await new Promise((resolve) => setTimeout(resolve, everyMs));
      sent += 1;
      controller.enqueue(encoder.encode(`event: tick\ndata: ${sent}\n\n`));
    },
    cancel() {
      console.log(`reader left after ${sent} ticks`);
    },
  });
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
  });
}

function download(bytes: number): Response {
  let left = bytes;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left <= 0) return controller.close();
      const piece = CHUNK.slice(0, Math.min(left, CHUNK.byteLength));
      left -= piece.byteLength;
      controller.enqueue(piece);
    },
  });
  return new Response(body, { headers: { 'content-type': 'application/octet-stream' } });
}

async function countBytes(body: ReadableStream<Uint8Array> | null): Promise<number> {
  let bytes = 0;
  if (body) for await (const chunk of body) bytes += chunk.byteLength;
  return bytes;
}
