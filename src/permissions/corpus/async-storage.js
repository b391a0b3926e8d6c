import { AsyncLocalStorage } from 'node:async_hooks';
const storage = new AsyncLocalStorage();
const cache = () => storage.getStore().env.CACHE;
export default {
  fetch(request, env) {
    return storage.run({ env }, async () => new Response(await cache().get('als'))); //~ kv CACHE get als
  },
};
