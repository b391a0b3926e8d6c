const NAME = 'ORDERS';
const operation = 'g' + 'et';
export default {
  async fetch(request, env) {
    return new Response(await env[NAME][operation]('a')); //~ kv ORDERS get a
  },
};
