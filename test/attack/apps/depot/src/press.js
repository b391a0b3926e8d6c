/* oxlint-disable -- hostile code */
/* Writes down each attempt, and ends as the message says: `{ id, how, until }`. */
export default {
  async queue(batch, env) {
    for (const message of batch.messages) {
      const { id, how, until } = message.body;
      const metadata = { at: env.ME, by: 'queue', id, attempt: message.attempts };
      await env.SEEN.put(`${env.ME}/${crypto.randomUUID()}`, '', { metadata });
      if (message.attempts > until) continue;
      if (how === 'throw') throw new Error('poison');
      if (how === 'exit') Deno.exit(7);
      if (how === 'spin') for (;;);
      if (how === 'memory') for (const all = []; ;) all.push(new Uint8Array(2 ** 22).fill(1));
      if (how === 'hang') await new Promise(() => {});
      if (how === 'retry') message.retry();
    }
  },
};
