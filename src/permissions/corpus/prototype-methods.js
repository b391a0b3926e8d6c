function Store(kv) {
  this.kv = kv;
}
Store.prototype.read = function (key) {
  return this.kv.get(key); //~ kv CACHE get proto
};
export default {
  async fetch(request, env) {
    return new Response(await new Store(env.CACHE).read('proto'));
  },
};
