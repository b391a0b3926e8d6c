export default {
  async fetch(request, env) {
    request.signal.addEventListener('abort', () => env.JOBS.send('gone')); //~ queue JOBS send
    const text = 'a,b'.replace(/,/g, () => (env.CACHE.delete('comma'), ';')); //~ kv CACHE delete comma
    return new Response(text);
  },
};
