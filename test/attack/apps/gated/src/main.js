/* oxlint-disable -- untyped on purpose: deployed as it is */
/* Counts the requests that reach it, and tells each what it was given. */
const born = crypto.randomUUID();
const hits = [];

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/gated/count') return Response.json({ born, hits });
    hits.push(`${request.method} ${pathname}`);
    const body = await request.text();
    return Response.json({ method: request.method, url: request.url, headers: [...request.headers], body });
  },
};
