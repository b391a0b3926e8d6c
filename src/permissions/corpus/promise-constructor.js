export default {
  async fetch(request, env) {
    const store = await new Promise((resolve) => setTimeout(() => resolve(env.CACHE), 1));
    const { promise, resolve } = Promise.withResolvers();
    resolve(env.ORDERS);
    await (await promise).get('o'); //~ kv ORDERS get o
    return new Response(await store.get('p')); //~ kv CACHE get p
  },
};
