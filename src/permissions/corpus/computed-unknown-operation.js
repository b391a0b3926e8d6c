export default {
  async fetch(request, env) {
    const { operation } = await request.json();
    return new Response(await env.ORDERS[operation]('a')); //~ ?? operation-computed ORDERS
  },
};
