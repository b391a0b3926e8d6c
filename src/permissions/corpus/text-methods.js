const base = '  Orders/ '.trim().toLowerCase();
export default {
  async fetch(request, env) {
    const parts = ['a', 'b'].join('-');
    await env.CACHE.get(base.concat(parts)); //~ kv CACHE get orders/a-b
    return new Response(await env['orders'.toUpperCase()].get(base.replace('/', ':'))); //~ kv ORDERS get orders:
  },
};
