import { findProduct, products } from './catalogue.ts';

/** `GET /shop/products` lists, `GET /shop/products/:id` shows one. */
export default {
  fetch(request) {
    const [, , , id] = new URL(request.url).pathname.split('/');
    console.log(id === undefined ? 'list of products' : `product ${id}`);
    if (id === undefined) return Response.json(products);

    const product = findProduct(id);
    return product ? Response.json(product) : Response.json({ error: 'no such product' }, { status: 404 });
  },
} satisfies ExportedHandler;
