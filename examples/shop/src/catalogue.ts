export interface Product {
  readonly id: string;
  readonly name: string;
  /** In cents. */
  readonly price: number;
}

export const products: readonly Product[] = [
  { id: 'teapot', name: 'Teapot', price: 3200 },
  { id: 'cup', name: 'Cup', price: 900 },
  { id: 'kettle', name: 'Kettle', price: 5400 },
];

export function findProduct(id: string): Product | undefined {
  return products.find((product) => product.id === id);
}
