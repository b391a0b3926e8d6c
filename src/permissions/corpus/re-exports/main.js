import { orders as store, settings } from './barrel.js';
export default {
  async fetch(request, env) {
    await env[settings.name].get('re'); //~ kv CACHE get re
    return new Response(await store(env).get('exported')); //~ kv ORDERS get exported
  },
};
