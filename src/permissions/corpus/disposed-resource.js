class Lock {
  constructor(store) {
    this.store = store;
  }
  async [Symbol.asyncDispose]() {
    await this.store.delete('lock'); //~ kv CACHE delete lock
  }
}
export default {
  async fetch(request, env) {
    await using lock = new Lock(env.CACHE);
    return new Response(lock.store ? 'held' : '');
  },
};
