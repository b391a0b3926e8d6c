class Store {
  constructor(kv, prefix) {
    this.kv = kv;
    this.prefix = prefix;
  }
  get(key) {
    return this.kv.get(this.prefix + key); //~ kv ORDERS get o/1; kv CACHE get c/2
  }
}
export default {
  async fetch(request, env) {
    const orders = new Store(env.ORDERS, 'o/');
    const cache = new Store(env.CACHE, 'c/');
    return Response.json([await orders.get('1'), await cache.get('2')]);
  },
};
