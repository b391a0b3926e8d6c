/* oxlint-disable -- untyped on purpose: deployed as it is */
export default {
  /** Notes each object that it is told of. */
  async event(event, env) {
    const { key, type } = event.json();
    await env.SEEN.put(key, type);
  },

  async fetch(_request, env) {
    const { keys } = await env.SEEN.list();
    return Response.json(keys.map(({ name }) => name));
  },
};
