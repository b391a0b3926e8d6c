const version = 'v2';
export default {
  async fetch(request, env) {
    const id = request.headers.get('id');
    await env.CACHE.put(`${version}/users/${id}`, ''); //~ kv CACHE put v2/users/…
    await env.CACHE.get(`${id}/${version}`); //~ kv CACHE get
    return new Response(await env.CACHE.get(['a', `${version}/b`])); //~ kv CACHE get a; kv CACHE get v2/b
  },
};
