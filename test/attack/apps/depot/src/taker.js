/* oxlint-disable -- untyped on purpose: deployed as it is */
/* Writes down all that reaches it. */
const note = (env, metadata) =>
  env.SEEN.put(`${env.ME}/${crypto.randomUUID()}`, '', { metadata: { at: env.ME, ...metadata } });

export default {
  async fetch(request, env) {
    await note(env, { by: 'fetch', id: new URL(request.url).pathname });
    return new Response('served\n');
  },
  async event({ id, type, source, subject }, env) {
    await note(env, { by: 'event', id, type, source, subject: subject?.slice(0, 200) });
  },
  async queue(batch, env) {
    for (const { body } of batch.messages) await note(env, { by: 'queue', id: String(body) });
  },
};
