const NAMES = ['ORDERS', 'CACHE'];
export default {
  async fetch(request, env) {
    for (let i = 0; i < NAMES.length; i++) {
      await env[NAMES[i]].get('i'); //~ kv ORDERS get i; kv CACHE get i
    }
    return new Response();
  },
};
