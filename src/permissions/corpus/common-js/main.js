const { load } = require('./loader.cjs');
export default {
  async fetch(request, env) {
    return new Response(await load(env));
  },
};
