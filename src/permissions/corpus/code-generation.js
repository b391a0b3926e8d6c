export default {
  async fetch(request, env) {
    const run = new Function('env', 'return env.ORDERS.get("x")'); //~ ?? code-generated
    return new Response(await run(env)); //~ ?? environment-passed env
  },
};
