const SMALL = 'x'.repeat(100);
const LARGE = 'x'.repeat(65_536);

export default {
  async fetch(request) {
    if (request.method === 'POST') return new Response(String((await request.arrayBuffer()).byteLength));
    return new Response(request.url.endsWith('/large') ? LARGE : SMALL);
  },
};
