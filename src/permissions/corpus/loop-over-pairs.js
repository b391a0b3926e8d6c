const STEPS = [
  ['ORDERS', 'get'],
  ['CACHE', 'delete'],
];
export default {
  async fetch(request, env) {
    for (const [name, operation] of STEPS) await env[name][operation]('p'); //~ kv ORDERS get p; kv CACHE delete p
    return new Response();
  },
};
