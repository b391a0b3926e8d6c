import { env } from 'cloudflare:workers';
const store = env.CACHE;
export default {
  async fetch() {
    return new Response(await store.get('i')); //~ kv CACHE get i
  },
};
