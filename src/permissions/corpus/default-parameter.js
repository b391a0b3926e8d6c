let shared;
async function load(key = 'fallback', env = shared) {
  return env.CACHE.get(key); //~ kv CACHE get fallback
}
export default {
  async fetch(request, env) {
    shared = env;
    return new Response(await load());
  },
};
