const routes = {
  '/a': (request, env) => env.CACHE.get('a'), //~ kv CACHE get a
  '/b': async function (request, { JOBS }) {
    await JOBS.send('b'); //~ queue JOBS send
  },
};
export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    return new Response(await routes[pathname]?.(request, env, ctx));
  },
};
