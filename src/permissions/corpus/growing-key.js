export default {
  async fetch(request, env) {
    let key = 'k/';
    for (const letter of request.url) {
      key += letter;
      key += '.';
    }
    return new Response(await env.CACHE.get(key)); //~ kv CACHE get k/…
  },
};
