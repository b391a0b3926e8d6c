import { Hono } from 'hono';
import { createMiddleware } from 'hono/factory';
const api = new Hono();
api.post('/photos', async (c) => {
  await c.env.PHOTOS.put(`in/${c.req.param('id')}`, c.req.raw.body); //~ bucket PHOTOS put in/…
  return c.text('ok');
});
const session = createMiddleware(async (c, next) => {
  c.set('cache', c.env.CACHE);
  await next();
});
const app = new Hono().basePath('/v1');
app.use('*', session);
app.get('/orders/:id', async ({ env, req, json }) => json(await env.ORDERS.get(`order:${req.param('id')}`))); //~ kv ORDERS get order:…
app.get('/cached', async (c) => c.text(await c.get('cache').get('x'))); //~ kv CACHE get x
app.route('/api', api);
app.onError(async (error, c) => {
  c.executionCtx.waitUntil(c.env.JOBS.send(error.message)); //~ queue JOBS send
  return c.text('no', 500);
});
export default app;
