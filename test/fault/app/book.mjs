/* oxlint-disable -- untyped on purpose: deployed as it is */
export default {
  async fetch(request, env) {
    const cursor = new URL(request.url).searchParams.get('cursor');
    const page = await env.SEEN.list({ limit: 1000, ...(cursor === null ? {} : { cursor }) });
    return Response.json({
      names: page.keys.map(({ name }) => name),
      cursor: page.list_complete ? null : page.cursor,
    });
  },
};
