export default {
  async fetch(request, env) {
    const name = new URL(request.url).searchParams.get('store');
    return new Response(await env[name].get('a')); //~ ?? binding-computed
  },
};
