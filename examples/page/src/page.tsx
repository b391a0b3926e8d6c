/** @jsxRuntime automatic */
/** @jsxImportSource hono/jsx */
interface Env {
  readonly TITLE: string;
}

/** `GET /page?name=Ada` answers a page. JSX escapes the name. */
export default {
  async fetch(request, env) {
    const name = new URL(request.url).searchParams.get('name') ?? 'stranger';
    const html = await (<Page title={env.TITLE} name={name} />).toString();
    return new Response(`<!doctype html>${html}`, {
      headers: { 'content-type': 'text/html; charset=utf-8' },
    });
  },
} satisfies ExportedHandler<Env>;

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
