async function walk(env, depth) {
  if (depth === 0) return env.CACHE.get('leaf'); //~ kv CACHE get leaf
  return walk({ ...env }, depth - 1);
}
export default {
  async fetch(request, env) {
    return new Response(await walk(env, 5));
  },
};
