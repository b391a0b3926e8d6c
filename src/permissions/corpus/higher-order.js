const twice = (action) => (value) => action(action(value));
const apply = (action, ...values) => action(...values);
export default {
  async fetch(request, env) {
    const load = (key) => env.CACHE.get(key); //~ kv CACHE get h
    await twice((x) => x)(1);
    return new Response(await apply(load, 'h'));
  },
};
