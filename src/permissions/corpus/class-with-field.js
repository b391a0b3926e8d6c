class Orders {
  #store;
  prefix = 'order:';
  constructor(store) {
    this.#store = store;
  }
  read(id) {
    return this.#store.get(this.prefix + id); //~ kv ORDERS get order:…
  }
}
export default {
  async fetch(request, env) {
    return new Response(await new Orders(env.ORDERS).read(request.url));
  },
};
