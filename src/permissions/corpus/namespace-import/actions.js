export const read = (env) => env.CACHE.get('ns'); //~ kv CACHE get ns
export function remove({ ORDERS }) {
  return ORDERS.delete('ns'); //~ kv ORDERS delete ns
}
