export default {
  async fetch(request, env) {
    const services = { data: { orders: env.ORDERS }, bus: env.JOBS };
    const { data } = services;
    await services.bus.sendBatch([]); //~ queue JOBS send
    return new Response(await data.orders.get('o')); //~ kv ORDERS get o
  },
};
