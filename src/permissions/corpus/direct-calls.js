export default {
  async fetch(request, env) {
    const order = await env.ORDERS.get('order:1'); //~ kv ORDERS get order:1
    await env.ORDERS.put(`order:${order}`, 'x'); //~ kv ORDERS put order:…
    await env.PHOTOS.head('a.png'); //~ bucket PHOTOS head a.png
    await env.JOBS.send({ order }); //~ queue JOBS send
    return new Response(order);
  },
};
