/** An app that ticks each second, and says when it did. */
export const CLOCK = {
  manifest: {
    name: 'clock',
    functions: {
      main: {
        entry: 'main.ts',
        routes: [{ path: '/clock', auth: 'public' }],
        on: [{ cron: '* * * * * *' }],
        grants: { kv: { TICKS: { store: 'ticks', can: ['put', 'list'] } } },
      },
    },
  },
  source: `
export default {
  async scheduled(controller, env) {
    await env.TICKS.put(String(controller.scheduledTime), controller.cron);
  },
  async fetch(request, env) {
    const { keys } = await env.TICKS.list();
    return Response.json(keys.map(({ name }) => Number(name)));
  },
};`,
};
/** An app whose consumer is broken until it is mended. */
export const MENDER = {
  manifest: {
    name: 'mender',
    functions: {
      main: {
        entry: 'main.ts',
        routes: [{ path: '/mender/:action', methods: ['POST'], auth: 'public' }],
        on: [{ queue: 'broken', attempts: 2, backoff: '50ms' }],
        grants: {
          kv: { STATE: { store: 'mender', can: ['get', 'put'] } },
          queue: { BROKEN: { queue: 'broken', can: ['send'] } },
        },
      },
    },
  },
  source: `
export default {
  async queue(batch, env) {
    for (const message of batch.messages) {
      if ((await env.STATE.get('mended')) === null) throw new Error('not mended yet');
      await env.STATE.put('taken', message.body);
    }
  },
  async fetch(request, env) {
    const text = await request.text();
    const action = new URL(request.url).pathname.split('/').at(-1);
    if (action === 'send') await env.BROKEN.send(text);
    if (action === 'mend') await env.STATE.put('mended', 'yes');
    return new Response(await env.STATE.get('taken'));
  },
};`,
};
