export default {
  async fetch(request, env) {
    const key = request.headers.get('key') || 'fallback';
    const name = undefined ?? 'CACHE';
    return new Response(await env[name].get(key)); //~ kv CACHE get; kv CACHE get fallback
  },
};
