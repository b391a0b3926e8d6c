export default {
  async fetch(request, env) {
    const body = new ReadableStream({
      async pull(controller) {
        controller.enqueue(await env.CACHE.get('chunk')); //~ kv CACHE get chunk
        controller.close();
      },
    });
    return new Response(body.pipeThrough(new TransformStream({ flush: () => env.JOBS.send('end') }))); //~ queue JOBS send
  },
};
