export default {
  async fetch(request, env) {
    const stores = [env]
      .values()
      .map((each) => each.CACHE)
      .toArray(); // one
    const { found } = Object.groupBy([env.ORDERS], () => 'found');
    await found[0].get('group'); //~ kv ORDERS get group
    return new Response(await stores[0].get('helper')); //~ kv CACHE get helper
  },
};
