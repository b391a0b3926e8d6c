export default {
  async fetch(request, env) {
    const keys = ['a', 'b'].map((name) => `list/${name}`);
    const values = await Promise.all(keys.map((key) => env.CACHE.get(key))); //~ kv CACHE get list/a; kv CACHE get list/b
    const store = [env.ORDERS].find((candidate) => candidate !== undefined);
    await store.put('found', values.length); //~ kv ORDERS put found
    return Response.json(values);
  },
};
