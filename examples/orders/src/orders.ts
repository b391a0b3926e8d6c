interface Order {
  item: string;
  quantity: number;
  owner: string;
}

interface Identity {
  kind: string;
  subject: string;
}

/** Who calls, as the gateway has established it. No caller can send this header. */
function identityOf(request: Request): Identity {
  return JSON.parse(request.headers.get('x-cordon-identity') ?? '{}') as Identity;
}

export default {
  async fetch(request: Request, env: Cordon.OrdersEnv): Promise<Response> {
    const { pathname } = new URL(request.url);
    const identity = identityOf(request);
    if (pathname === '/hooks/payments') {
      return Response.json({ received: await request.json(), by: identity.subject });
    }
    const id = pathname.split('/').at(-1) ?? '';
    if (request.method === 'GET') {
      const order = await env.ORDERS.get<Order>(id, 'json');
      return order === null ? new Response('no such order', { status: 404 }) : Response.json(order);
    }
    // The body has passed its schema, and whoever changes an order has passed its policies.
    const { item, quantity } = await request.json<Order>();
    const key = request.method === 'POST' ? crypto.randomUUID() : id;
    const order: Order = { item, quantity, owner: identity.subject };
    await env.ORDERS.put(key, JSON.stringify(order));
    return Response.json({ id: key, ...order }, { status: request.method === 'POST' ? 201 : 200 });
  },
};
