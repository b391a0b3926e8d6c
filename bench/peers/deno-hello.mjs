const SMALL = 'x'.repeat(100);
const LARGE = 'x'.repeat(65_536);

const [socket] = Deno.args;
const where = socket === undefined ? { hostname: '127.0.0.1', port: 0 } : { path: socket };

Deno.serve(
  { ...where, onListen: (address) => console.log(`listening ${address.port ?? 0}`) },
  async (request) => {
    if (request.method === 'POST') return new Response(String((await request.arrayBuffer()).byteLength));
    return new Response(request.url.endsWith('/large') ? LARGE : SMALL);
  },
);
