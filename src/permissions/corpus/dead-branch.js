const DEBUG = false;
export default {
  async fetch(request, env) {
    if (DEBUG) await env.ORDERS.delete('debug');
    const mode = 'read';
    if (mode === 'write') await env.ORDERS.put('w', '');
    return new Response(await env.ORDERS.get('r')); //~ kv ORDERS get r
  },
};
