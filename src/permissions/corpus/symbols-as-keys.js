const STORE = Symbol('store');
export default {
  async fetch(request, env) {
    const holder = { [STORE]: env.ORDERS };
    return new Response(await holder[STORE].get('sym')); //~ kv ORDERS get sym
  },
};
