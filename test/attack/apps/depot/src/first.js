/* oxlint-disable -- untyped on purpose: deployed as it is */
/* The first step: the second follows from it, and from nothing else. */
export default {
  async fetch(request, env) {
    const id = await request.text();
    await env.NEXT.send('step.done', { id }, { id });
    return new Response('sent\n');
  },
};
