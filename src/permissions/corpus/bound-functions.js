function load(prefix, key) {
  return this.get(prefix + key); //~ kv CACHE get b/1
}
export default {
  async fetch(request, env) {
    const bound = load.bind(env.CACHE, 'b/');
    const send = env.JOBS.send.bind(env.JOBS);
    await send('x'); //~ queue JOBS send
    return new Response(await bound('1'));
  },
};
