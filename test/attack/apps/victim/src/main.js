/* oxlint-disable -- untyped on purpose: deployed as it is */
/* Counts the requests that reach it, so that an attack can be shown to have reached nothing. */
const born = crypto.randomUUID();
const hits = [];

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/victim/count') return Response.json({ born, hits });
    hits.push(`${request.method} ${pathname}`);
    if (hits.length > 5000) hits.length = 0;
    await request.text();
    return new Response('served\n');
  },
};
