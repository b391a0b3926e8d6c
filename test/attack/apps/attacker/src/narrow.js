/* oxlint-disable -- hostile code */
import { FRAME, LAST, OWN, frame, head, listen, readHead, takeChannel } from './frames.js';

let channel = null;
/** Far from the numbers that the harness uses, which grow by one. */
let last = OWN + 1_000_000;
const waiting = new Map();

/** Writes a call by hand, past all that the harness would check, and returns what the host answers. */
async function forge([capability, binding, operation, args, stream = 0]) {
  if (channel === null) {
    channel = await takeChannel();
    listen(channel, (type, flags, id, payload) => {
      if (type === FRAME.reply) waiting.get(id)?.(readHead(payload));
    });
  }
  last += 1;
  const id = last;
  const answer = new Promise((resolve) => waiting.set(id, resolve));
  channel.write(frame(FRAME.call, LAST, id, head([capability, binding, operation, args, stream])));
  const patience = new Promise((resolve) =>
    setTimeout(() => resolve({ error: { code: 'no answer' } }), 2000),
  );
  const reply = await Promise.race([answer, patience]);
  return reply.error === undefined
    ? { value: reply.value ?? null }
    : { error: reply.error.code, message: reply.error.message };
}

async function ask(env, [binding, method, ...args]) {
  try {
    const value = await env[binding][method](...args);
    const isBody = value !== null && typeof value === 'object' && typeof value.text === 'function';
    return { value: isBody ? await value.text() : (value ?? null) };
  } catch (thrown) {
    return { error: `${thrown?.code ?? thrown?.name}`, message: `${thrown?.message}` };
  }
}

export default {
  async fetch(request, env) {
    const name = new URL(request.url).pathname.split('/').pop();
    if (name === 'exit') Deno.exit(0);
    const outcomes = [];
    for (const item of await request.json())
      outcomes.push(name === 'forge' ? await forge(item) : await ask(env, item));
    return Response.json(outcomes);
  },
};
