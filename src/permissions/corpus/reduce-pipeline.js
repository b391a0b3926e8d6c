const steps = [(env) => env.ORDERS, (store) => store.get('r')]; //~ kv ORDERS get r
export default {
  async fetch(request, env) {
    return new Response(await steps.reduce((value, step) => step(value), env));
  },
};
