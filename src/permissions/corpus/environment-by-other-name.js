export default {
  async fetch(req, bindings, context) {
    context.waitUntil(bindings.JOBS.send('x')); //~ queue JOBS send
    return new Response(await bindings.CACHE.get(req.url)); //~ kv CACHE get
  },
};
