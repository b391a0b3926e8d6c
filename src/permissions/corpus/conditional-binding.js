export default {
  async fetch(request, env) {
    const store = request.method === 'GET' ? env.CACHE : env.ORDERS;
    const key = request.headers.has('x') ? 'a' : 'b';
    return new Response(await store.get(key)); //~ kv CACHE get a; kv CACHE get b; kv ORDERS get a; kv ORDERS get b
  },
};
