/* oxlint-disable -- untyped on purpose: deployed as it is */
/* Tells what functions wrote down, and does what it is told: a list of `[binding, method, ...arguments]`. */
async function plain(value) {
  if (value === undefined || value === null) return null;
  if (typeof value === 'object' && typeof value.text === 'function') return value.text();
  return JSON.parse(JSON.stringify(value));
}

async function seen(env) {
  const found = [];
  for (let cursor; ;) {
    const page = await env.SEEN.list(cursor === undefined ? {} : { cursor });
    found.push(...page.keys.map(({ name, metadata }) => ({ name, ...metadata })));
    if (page.list_complete) return found;
    cursor = page.cursor;
  }
}

export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname === '/depot/seen') return Response.json(await seen(env));
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
