async function handle(request, env) {
  return new Response(await env.CACHE.get('h')); //~ kv CACHE get h
}
const handlers = { fetch: handle };
handlers.scheduled = (controller, env) => env.JOBS.send('tick'); //~ queue JOBS send
export { handlers as default };
