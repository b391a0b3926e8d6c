export default {
  async fetch(request, env) {
    globalThis.bindings = env;
    return handle();
  },
};
async function handle() {
  return new Response(await globalThis.bindings.CACHE.get('g')); //~ kv CACHE get g
}
