/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
import { Hono } from 'hono';

interface Env {
  readonly TITLE: string;
}

const app = new Hono<{ Bindings: Env }>();

/** `GET /page?name=Ada` answers a page. JSX escapes the name. */
app.get('/page', ({ html, env, req }) =>
  html(<Page title={env.TITLE} name={req.query('name') ?? 'stranger'} />),
);

export default app;

function Page({ title, name }: { title: string; name: string }) {
  return (
    <html lang="en">
      <head>
        <title>{title}</title>
      </head>
      <body>
        <h1>{title}</h1>
        <p>Hello, {name}.</p>
      </body>
    </html>
  );
}
