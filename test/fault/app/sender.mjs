/* oxlint-disable -- untyped on purpose: deployed as it is */
export default {
  async fetch(request, env) {
    const messages = await request.json();
    await env.JOBS.sendBatch(messages.map((body) => ({ body })));
    return new Response(null, { status: 204 });
  },
};
