export default {
  async fetch(request, env) {
    const context = { ...env, request };
    const copy = Object.assign({}, context, { extra: 1 });
    await copy.JOBS.send(copy.extra); //~ queue JOBS send
    return new Response(await context.CACHE.get('s')); //~ kv CACHE get s
  },
};
