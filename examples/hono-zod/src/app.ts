import { zValidator } from '@hono/zod-validator';
import { Hono } from 'hono';
import { z } from 'zod';

const noteSchema = z.strictObject({
  title: z.string().min(1).max(80),
  tags: z
    .array(z.string().regex(/^[a-z]+$/))
    .max(5)
    .default([]),
});
const searchSchema = z.object({ limit: z.coerce.number().int().min(1).max(50).default(10) });

const app = new Hono().basePath('/notes');

app.get('/', zValidator('query', searchSchema), (context) => context.json(context.req.valid('query')));
app.post('/', zValidator('json', noteSchema), (context) => context.json(context.req.valid('json'), 201));
app.get('/:id', (context) => context.json({ id: context.req.param('id') }));
app.notFound((context) => context.json({ error: 'not found' }, 404));

export default app;
