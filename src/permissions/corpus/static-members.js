class Registry {
  static env;
  static async load(key) {
    return Registry.env.CACHE.get(key); //~ kv CACHE get s
  }
  static {
    Registry.key = 's';
  }
}
export default {
  async fetch(request, env) {
    Registry.env = env;
    return new Response(await Registry.load(Registry.key));
  },
};
