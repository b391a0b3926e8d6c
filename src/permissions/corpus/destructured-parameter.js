export default {
  async fetch(request, { ORDERS, PHOTOS: pictures }) {
    await pictures.delete('old.png'); //~ bucket PHOTOS delete old.png
    return Response.json(await ORDERS.list({ prefix: 'order:' })); //~ kv ORDERS list order:…
  },
};
