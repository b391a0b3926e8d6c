async function purge(env) {
  await env.ORDERS.delete('all');
}
export const tools = { purge };
export default {
  async fetch(request, env) {
    return new Response(await env.ORDERS.get('r')); //~ kv ORDERS get r
  },
};
