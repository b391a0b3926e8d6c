class Context {
  #env;
  set environment(value) {
    this.#env = value;
  }
  get cache() {
    return this.#env.CACHE;
  }
}
export default {
  async fetch(request, env) {
    const context = new Context();
    context.environment = env;
    return new Response(await context.cache.get('g')); //~ kv CACHE get g
  },
};
