const contexts = new WeakMap();
const load = (request) => contexts.get(request).CACHE.get('w'); //~ kv CACHE get w
export default {
  async fetch(request, env) {
    contexts.set(request, env);
    return new Response(await load(request));
  },
};
