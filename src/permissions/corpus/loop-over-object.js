const KEYS = { ORDERS: 'o', CACHE: 'c' };
export default {
  async fetch(request, env) {
    for (const [name, key] of Object.entries(KEYS)) await env[name].get(key); //~ kv ORDERS get o; kv CACHE get c
    for (const name in KEYS) await env[name].delete('d'); //~ kv ORDERS delete d; kv CACHE delete d
    return new Response();
  },
};
