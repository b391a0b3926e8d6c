export default {
  async scheduled(controller, env, ctx) {
    ctx.waitUntil(env.CACHE.delete('tick')); //~ kv CACHE delete tick
  },
  async queue(batch, env) {
    for (const message of batch.messages) await env.ORDERS.put(`m/${message.id}`, message.body); //~ kv ORDERS put m/…
  },
  event: async (event, { PHOTOS }) => {
    await PHOTOS.get(event.data.key); //~ bucket PHOTOS get
  },
};
