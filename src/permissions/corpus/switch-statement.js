export default {
  async fetch(request, env) {
    let store;
    switch (request.method) {
      case 'GET':
        store = env.CACHE;
        break;
      default:
        store = env.ORDERS;
    }
    return new Response(await store.get('s')); //~ kv CACHE get s; kv ORDERS get s
  },
};
