const NAMES = ['ORDERS', 'CACHE'];
export default {
  async fetch(request, env) {
    for (const name of NAMES) await env[name].get('n'); //~ kv ORDERS get n; kv CACHE get n
    return new Response();
  },
};
