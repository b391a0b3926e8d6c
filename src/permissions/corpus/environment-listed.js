export default {
  async fetch(request, env) {
    for (const name of Object.keys(env)) await env[name].get('x'); //~ ?? environment-listed env; ?? binding-computed
    return new Response();
  },
};
