function remove(key) {
  return this.delete(key); //~ kv ORDERS delete c; kv CACHE delete a
}
export default {
  async fetch(request, env) {
    await remove.call(env.ORDERS, 'c');
    await remove.apply(env.CACHE, ['a']);
    return new Response(await Reflect.apply(env.CACHE.get, env.CACHE, ['r'])); //~ kv CACHE get r
  },
};
