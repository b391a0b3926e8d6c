function* stores(env) {
  yield env.ORDERS;
  yield* [env.CACHE];
}
export default {
  async fetch(request, env) {
    for (const store of stores(env)) await store.get('y'); //~ kv ORDERS get y; kv CACHE get y
    return new Response();
  },
};
