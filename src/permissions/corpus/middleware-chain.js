const compose = (middleware) => (context) => {
  const run = (index) => middleware[index]?.(context, () => run(index + 1));
  return run(0);
};
const app = compose([
  async (context, next) => {
    context.cache = context.env.CACHE;
    return next();
  },
  async (context) => new Response(await context.cache.get('chain')), //~ kv CACHE get chain
]);
export default { fetch: (request, env, ctx) => app({ request, env, ctx }) };
