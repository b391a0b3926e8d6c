const WORK_MS = 150;
const PATIENCE_MS = 8000;

/** Work after the answer (`ctx.waitUntil`), and work that stops when the caller leaves (`request.signal`). */
export default {
  async fetch(request, _env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    const name = searchParams.get('name') ?? 'job';
    if (pathname === '/background/later') {
      ctx.waitUntil(work(name));
      return Response.json({ accepted: name }, { status: 202 });
    }
    return wait(request.signal, name);
  },
} satisfies ExportedHandler;

async function work(name: string): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, WORK_MS));
  console.log(`finished ${name}`);
}

function wait(signal: AbortSignal, name: string): Promise<Response> {
  console.log(`waiting ${name}`);
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(new Response('nobody left\n')), PATIENCE_MS);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      console.log(`caller of ${name} left`);
      resolve(new Response(null, { status: 499 }));
    });
  });
}
