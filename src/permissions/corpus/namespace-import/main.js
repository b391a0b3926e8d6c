import * as actions from './actions.js';
const table = { ...actions };
export default {
  async fetch(request, env) {
    await actions.read(env);
    return new Response(await table[request.method.toLowerCase()](env));
  },
};
