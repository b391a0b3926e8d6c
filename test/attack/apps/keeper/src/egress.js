/* oxlint-disable -- untyped on purpose: deployed as it is */
/* Sends the requests that it is told to, a list of `{ url, mark, …RequestInit }`; `$HANDLE` stands for what `env.KEY` holds. With a mark it logs what came back. */
function fill(value, handle) {
  return JSON.parse(JSON.stringify(value).replaceAll('$HANDLE', handle));
}

async function send({ url, mark, ...init }) {
  try {
    const response = await fetch(url, init);
    const headers = [...response.headers].flat().join('\n');
    const text = await response.text();
    if (mark !== undefined) console.log(mark, url, response, [...response.headers], text);
    return { status: response.status, url: response.url, headers, text };
  } catch (thrown) {
    if (mark !== undefined) console.error(mark, thrown);
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
