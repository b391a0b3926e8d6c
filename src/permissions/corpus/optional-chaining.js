export default {
  async fetch(request, env) {
    await env?.CACHE?.get?.('o'); //~ kv CACHE get o
    const store = env.ORDERS ?? env.CACHE;
    return new Response(await store?.['get']('s')); //~ kv ORDERS get s; kv CACHE get s
  },
};
