function key(strings, ...values) {
  return strings[0] + values[0];
}
export default {
  async fetch(request, env) {
    return new Response(await env.CACHE.get(key`user:${'me'}`)); //~ kv CACHE get user:me
  },
};
