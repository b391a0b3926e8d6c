interface Movement {
  id: string;
  item: string;
  count: number;
}

export default {
  async queue(batch: Cordon.MessageBatch<Movement>, env: Cordon.StockEnv): Promise<void> {
    for (const message of batch.messages) {
      const { id, item, count } = message.body;
      // A movement that comes twice overwrites itself.
      await env.STOCK.put(`${item}/${id}`, '', { metadata: { count } });
      message.ack();
    }
  },

  async fetch(request: Request, env: Cordon.StockEnv): Promise<Response> {
    const item = new URL(request.url).pathname.split('/').at(-1) ?? '';
    const { keys } = await env.STOCK.list<{ count: number }>({ prefix: `${item}/` });
    return Response.json({
      item,
      count: keys.reduce((sum, { metadata }) => sum + (metadata?.count ?? 0), 0),
    });
  },
};
