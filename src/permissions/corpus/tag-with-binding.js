const read = (store) => (strings, name) => store.get(strings[0] + name); //~ kv CACHE get user:ann
export default {
  async fetch(request, env) {
    return new Response(await read(env.CACHE)`user:${'ann'}`);
  },
};
