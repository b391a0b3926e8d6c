export default {
  fetch(request, env) {
    return Promise.resolve(env)
      .then(({ CACHE }) => CACHE)
      .then((cache) => cache.get('c')) //~ kv CACHE get c
      .then((value) => new Response(value))
      .catch(() => env.JOBS.send('failed')) //~ queue JOBS send
      .finally(() => env.CACHE.delete('lock')); //~ kv CACHE delete lock
  },
};
