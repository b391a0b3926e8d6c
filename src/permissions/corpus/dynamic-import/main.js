export default {
  async fetch(request, env) {
    const { load } = await import('./loader.js');
    return new Response(await load(env));
  },
};
