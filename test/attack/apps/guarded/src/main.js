/* oxlint-disable -- untyped on purpose: deployed as it is */
/* Counts the requests that reach it, and tells each what it was given. */
const born = crypto.randomUUID();
const hits = [];

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === '/guarded/count') return Response.json({ born, hits });
    hits.push(`${request.method} ${pathname}`);
    const last = pathname.split('/').pop();
    if (last === 'stream') return ticks();
    if (last === 'socket') return socket();
    const body = await request.text();
    if (pathname.startsWith('/guarded/objects/')) {
      if (request.method === 'DELETE') await env.OBJECTS.delete(last);
      if (request.method === 'PUT') await env.OBJECTS.put(last, body);
      return new Response(await env.OBJECTS.get(last));
    }
    if (pathname.startsWith('/guarded/seed/')) await env.OBJECTS.put(last, body);
    if (last === 'say') for (const line of JSON.parse(body)) console.log(line);
    return Response.json({ method: request.method, url: request.url, headers: [...request.headers], body });
  },
  event({ type, id }) {
    hits.push(`EVENT ${type} ${id}`);
  },
};

/** Goes on for as long as somebody listens. */
function ticks() {
  let timer;
  const body = new ReadableStream({
    start(controller) {
      timer = setInterval(() => controller.enqueue(new TextEncoder().encode('data: tick\n\n')), 50);
    },
    cancel() {
      clearInterval(timer);
    },
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

function socket() {
  const [client, server] = Object.values(new WebSocketPair());
  server.accept();
  server.addEventListener('message', ({ data }) => server.send(`echo ${data}`));
  return new Response(null, { status: 101, webSocket: client });
}
