export default {
  async fetch(request, env) {
    try {
      throw Object.assign(new Error('x'), { store: env.ORDERS });
    } catch (error) {
      await error.store.get('caught'); //~ kv ORDERS get caught
    } finally {
      await env.CACHE.delete('f'); //~ kv CACHE delete f
    }
    return new Response();
  },
};
