/* oxlint-disable -- hostile code */
/* Sets itself off again: `{ mark, step, left, how }`. `left` bounds it, should nothing else do. */
async function goOn({ mark, step, left, how }, env) {
  const metadata = { at: env.ME, by: 'loop', id: mark, step };
  await env.SEEN.put(`${env.ME}/${crypto.randomUUID()}`, '', { metadata });
  if (left === 0) return;
  const next = { mark, step: step + 1, left: left - 1, how };
  const send = () => sendOn(next, env);
  // When nothing is open any more that it could belong to.
  if (how === 'later') setTimeout(() => send().catch(() => {}), 100);
  else await send();
}

async function sendOn(next, env) {
  if (env.ME === 'echo')
    return void (await env.NEXT.put(`${next.mark}/${next.step}.json`, JSON.stringify(next)));
  if (env.ME === 'ping' || env.ME === 'pong') return env.NEXT.send(`ring.${env.ME}`, next);
  if (env.ME !== 'relay') return env.NEXT.send(next);
  const body = JSON.stringify(next);
  const answer = await env.NEXT.fetch('http://relayed/', { method: 'POST', body });
  if (!answer.ok) throw new Error(await answer.text());
}

function ticks() {
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      controller.enqueue(new TextEncoder().encode('.'));
    },
  });
}

export default {
  async fetch(request, env) {
    // A request that nothing stands behind, open for as long as somebody listens.
    if (request.method === 'GET') return new Response(ticks());
    await goOn(await request.json(), env);
    return new Response('done\n');
  },
  async queue(batch, env) {
    for (const { body } of batch.messages) await goOn(body, env);
  },
  async event(event, env) {
    if (env.ME !== 'echo') return goOn(event.json(), env);
    const object = await env.NEXT.get(event.json().key);
    await goOn(JSON.parse(await object.text()), env);
  },
};
