/* oxlint-disable -- untyped on purpose: deployed as it is */
/* Sends the requests that it is told to, a list of `{ url, …RequestInit }`; `$HANDLE` stands for what `env.KEY` holds. */
function fill(value, handle) {
  return JSON.parse(JSON.stringify(value).replaceAll('$HANDLE', handle));
}

async function send({ url, ...init }) {
  try {
    const response = await fetch(url, init);
    const headers = [...response.headers].flat().join('\n');
    return { status: response.status, url: response.url, headers, text: await response.text() };
  } catch (thrown) {
    return { error: `${thrown?.code ?? thrown?.name}`, message: `${thrown?.message}` };
  }
}

export default {
  async fetch(request, env) {
    const asked = fill(await request.json(), env.KEY);
    if (asked === null) Deno.exit(0);
    return Response.json({ handle: env.KEY, outcomes: await Promise.all(asked.map(send)) });
  },
};
