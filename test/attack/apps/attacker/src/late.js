/* oxlint-disable -- hostile code */
const works = (mark) => setInterval(() => console.log(mark), 25);
const NAMES = {
  /** Never answers and goes on working. */
  silent: (mark) => {
    works(mark);
    return new Promise(() => {});
  },
  /** Answers at once and keeps the event alive for ever. */
  answered: (mark, ctx) => {
    works(mark);
    ctx.waitUntil(new Promise(() => {}));
    return new Response('answered\n');
  },
  /** Answers with a stream that never ends. */
  streaming: (mark) => {
    works(mark);
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 25));
          controller.enqueue(new TextEncoder().encode('.'));
        },
      }),
    );
  },
  /** Uses its last moment for a loop. */
  blocking: (mark) => {
    console.log(mark);
    setTimeout(() => {
      for (;;);
    }, 300);
    return new Promise(() => {});
  },
  /** Works for a while after the answer, inside of its time. */
  modest: (mark, ctx) => {
    ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 100)).then(() => console.log(mark)));
    return new Response('answered\n');
  },
};

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    const name = url.pathname.split('/').pop();
    if (name !== 'send') return NAMES[name](url.searchParams.get('mark'), ctx);
    await env.LATE.send(Object.fromEntries(url.searchParams));
    return new Response('sent\n');
  },
  async queue({ messages: [message] }, env, ctx) {
    const { name, mark } = message.body;
    await NAMES[name](mark, ctx);
  },
};
