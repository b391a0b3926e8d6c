class Stores {
  constructor(...stores) {
    this.stores = stores;
  }
  *[Symbol.iterator]() {
    for (const store of this.stores) yield store;
  }
}
export default {
  async fetch(request, env) {
    for (const store of new Stores(env.ORDERS, env.CACHE)) await store.get('it'); //~ kv ORDERS get it; kv CACHE get it
    return new Response();
  },
};
