/* oxlint-disable -- untyped on purpose: deployed as it is */
/* Does what it is told with its bindings: a list of `[binding, method, ...arguments]`, and says what came of each. */
async function plain(value) {
  if (value === undefined || value === null) return null;
  if (typeof value === 'object' && typeof value.text === 'function') return value.text();
  return JSON.parse(JSON.stringify(value));
}

export default {
  async fetch(request, env) {
    const outcomes = [];
    for (const [binding, method, ...args] of await request.json()) {
      try {
        outcomes.push({ value: await plain(await env[binding][method](...args)) });
      } catch (thrown) {
        outcomes.push({ error: `${thrown?.code ?? thrown?.name}`, message: `${thrown?.message}` });
      }
    }
    return Response.json(outcomes);
  },
};
