async function* pages(store) {
  let cursor;
  do {
    const page = await store.list({ prefix: 'p/', cursor }); //~ kv ORDERS list p/…
    yield page.keys.map((key) => [store, key.name]);
    cursor = page.cursor;
  } while (cursor);
}
export default {
  async fetch(request, env) {
    for await (const page of pages(env.ORDERS)) {
      for (const [store, name] of page) await store.delete(name); //~ kv ORDERS delete
    }
    return new Response();
  },
};
