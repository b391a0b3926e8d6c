export default {
  async fetch(request, env) {
    const region = request.headers.get('region');
    return new Response(await env[`CACHE_${region}`].get('a')); //~ ?? binding-computed
  },
};
