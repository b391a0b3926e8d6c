export default {
  async fetch(request, env) {
    const seen = [];
    const watched = new Proxy(env.CACHE, {
      get: (target, key) => target[key], //~ ?? operation-computed CACHE
    });
    await watched.get('x'); //~ kv CACHE get x
    return Response.json(seen);
  },
};
