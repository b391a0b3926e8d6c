export default {
  async fetch(request, env) {
    const lazy = {
      toString() {
        env.JOBS.send('read'); //~ queue JOBS send
        return 'text';
      },
    };
    await env.CACHE.get(`${lazy}/1`); //~ kv CACHE get text/1
    return Response.json({ toJSON: () => env.CACHE.delete('json') }); //~ kv CACHE delete json
  },
};
