const PAID = 'order.paid';
export default {
  async queue(batch, env) {
    const { NEXT } = env;
    await NEXT.send('order.created', { n: 1 }); //~ pipe NEXT send order.created
    const events = [{ type: PAID, data: 1 }, { type: 'order.created' }];
    await env.NEXT.sendBatch(events); //~ pipe NEXT send order.created; pipe NEXT send order.paid
    await NEXT.sendBatch([{ type: `order.${batch.queue}` }]); //~ pipe NEXT send order.…
    for (const { body } of batch.messages) await env.NEXT.send(body.type, body); //~ pipe NEXT send
  },
};
