class Registry extends Map {
  load(name) {
    return this.get(name).get('sub'); //~ kv CACHE get sub
  }
}
class Stores extends Array {
  purge() {
    return this.map((store) => store.delete('all')); //~ kv ORDERS delete all
  }
}
export default {
  async fetch(request, env) {
    const registry = new Registry();
    registry.set('cache', env.CACHE);
    const stores = new Stores();
    stores.push(env.ORDERS);
    await stores.purge();
    return new Response(await registry.load('cache'));
  },
};
