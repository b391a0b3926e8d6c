export default {
  async fetch(request, env) {
    const stores = [env.ORDERS, env.CACHE];
    const [, second] = stores;
    await stores[0].get('first'); //~ kv ORDERS get first
    return new Response(await second.get('second')); //~ kv CACHE get second
  },
};
