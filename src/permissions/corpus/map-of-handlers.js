const handlers = new Map([
  ['GET', (env) => env.ORDERS.get('g')], //~ kv ORDERS get g
  ['DELETE', (env) => env.ORDERS.delete('d')], //~ kv ORDERS delete d
]);
handlers.set('PUT', (env) => env.ORDERS.put('p', '')); //~ kv ORDERS put p
export default {
  async fetch(request, env) {
    const handler = handlers.get(request.method);
    return new Response(await handler(env));
  },
};
