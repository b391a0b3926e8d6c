function last(first, second, third) {
  return third.get('t'); //~ kv CACHE get t
}
export default {
  async fetch(request, env) {
    const some = [1, 2];
    return new Response(await last(...some, env.CACHE));
  },
};
