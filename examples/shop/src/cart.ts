import { findProduct } from './catalogue.ts';

interface Env {
  readonly CURRENCY: string;
}

interface CartLine {
  readonly id: string;
  readonly quantity: number;
}

/** `POST /shop/cart` with `[{ "id": "cup", "quantity": 2 }]` answers the total, in cents. */
export default {
  async fetch(request, env) {
    const lines = readLines(await request.json().catch(() => null));
    if (!lines) return Response.json({ error: 'expected a list of { id, quantity }' }, { status: 400 });

    let total = 0;
    for (const { id, quantity } of lines) {
      const product = findProduct(id);
      if (!product) return Response.json({ error: 'no such product', id }, { status: 404 });
      total += product.price * quantity;
    }
    console.log(`cart of ${lines.length} lines, total ${total}`);
    return Response.json({ total, currency: env.CURRENCY });
  },
} satisfies ExportedHandler<Env>;

function readLines(value: unknown): CartLine[] | null {
  return Array.isArray(value) && value.every(isLine) ? value : null;
}

function isLine(value: unknown): value is CartLine {
  if (typeof value !== 'object' || value === null) return false;
  if (!('id' in value) || !('quantity' in value)) return false;
  return typeof value.id === 'string' && Number.isInteger(value.quantity) && Number(value.quantity) > 0;
}
