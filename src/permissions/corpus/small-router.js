class Router {
  #routes = [];
  on(method, path, handler) {
    this.#routes.push({ method, path, handler });
    return this;
  }
  handle(request, env) {
    const route = this.#routes.find(({ method }) => method === request.method);
    return route.handler({ request, env });
  }
}
const router = new Router()
  .on('GET', '/a', ({ env }) => env.CACHE.get('route-a')) //~ kv CACHE get route-a
  .on('POST', '/b', (c) => c.env.JOBS.send('b')); //~ queue JOBS send
export default { fetch: async (request, env) => new Response(await router.handle(request, env)) };
