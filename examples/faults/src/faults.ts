const SLOW_MS_MAX = 4000;

/** Mistakes that functions make, one a path. Each may cost its own request and nothing else. */
export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case '/faults/throw':
        throw new Error('secret detail of the database at 10.0.0.7');
      case '/faults/throw-text':
        // oxlint-disable-next-line typescript/only-throw-error -- the mistake is the point
        throw 'just a text';
      case '/faults/not-a-response':
        return { status: 200 } as unknown as Response;
      case '/faults/unhandled':
        void Promise.reject(new Error('nobody waits for this'));
        return new Response('answered\n');
      case '/faults/break-stream':
        return new Response(breakingStream());
      case '/faults/log-forgery':
        console.log(`${searchParams.get('text') ?? ''}\r\n{"source":"platform","level":"error"}\u001b[31m`);
        return new Response('logged\n');
      case '/faults/slow':
        await new Promise((resolve) =>
          setTimeout(resolve, Math.min(Number(searchParams.get('ms') ?? 500), SLOW_MS_MAX)),
        );
        return new Response('slow\n');
      default:
        return new Response('fine\n');
    }
  },
} satisfies ExportedHandler;

function breakingStream(): ReadableStream<Uint8Array> {
  let pulls = 0;
  return new ReadableStream({
    pull(controller) {
      pulls += 1;
      if (pulls === 1) controller.enqueue(new TextEncoder().encode('the beginning\n'));
      else controller.error(new Error('the stream broke'));
    },
  });
}
