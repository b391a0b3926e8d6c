function repository(store) {
  return {
    find: (id) => store.get(`id:${id}`), //~ kv ORDERS get id:7
    save: (id, value) => store.put(`id:${id}`, value),
  };
}
export default {
  async fetch(request, env) {
    const orders = repository(env.ORDERS);
    return new Response(await orders.find(7));
  },
};
