let bindings;
function cache() {
  return bindings.CACHE;
}
export default {
  async fetch(request, env) {
    bindings = env;
    return new Response(await cache().get('m')); //~ kv CACHE get m
  },
};
