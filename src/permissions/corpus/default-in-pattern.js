async function load({ store, key = 'd' } = {}) {
  return store.get(key); //~ kv CACHE get d
}
export default {
  async fetch(request, env) {
    return new Response(await load({ store: env.CACHE }));
  },
};
