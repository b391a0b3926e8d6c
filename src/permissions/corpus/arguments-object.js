function load() {
  return arguments[0].get(arguments[1]); //~ kv CACHE get arg
}
export default {
  async fetch(request, env) {
    return new Response(await load(env.CACHE, 'arg'));
  },
};
