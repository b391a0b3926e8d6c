export default {
  async fetch(request, env) {
    const holder = {};
    Object.defineProperty(holder, 'cache', { get: () => env.CACHE });
    Object.defineProperties(holder, { orders: { value: env.ORDERS } });
    await holder.orders.get('value'); //~ kv ORDERS get value
    return new Response(await holder.cache.get('getter')); //~ kv CACHE get getter
  },
};
