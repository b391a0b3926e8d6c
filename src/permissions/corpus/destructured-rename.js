export default {
  async fetch(request, env) {
    const { ORDERS: store, ...rest } = env;
    const { get: read } = rest.CACHE;
    await store.delete('x'); //~ kv ORDERS delete x
    return new Response(await read('k')); //~ kv CACHE get k
  },
};
