export default {
  async fetch(request, env) {
    const query = { then: (resolve) => resolve(env.ORDERS) };
    const store = await query;
    return new Response(await store.get('then')); //~ kv ORDERS get then
  },
};
