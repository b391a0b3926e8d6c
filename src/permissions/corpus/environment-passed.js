export default {
  async fetch(request, env) {
    console.log(env); //~ ?? environment-passed env
    return new Response(JSON.stringify({ store: env.CACHE })); //~ ?? environment-passed CACHE
  },
};
