/* oxlint-disable -- untyped on purpose: deployed as it is */
/* Says its secret in every way that comes to mind, the careless ones. */
export default {
  async fetch(request, env) {
    const value = env.SPOKEN;
    const mark = request.headers.get('x-mark') ?? 'mark';
    console.log(mark, 'plain', value);
    console.debug(mark, `in a text: <${value}>`);
    console.info(mark, { nested: { authorization: `Bearer ${value}` } });
    console.warn(mark, 'json', JSON.stringify({ value }));
    console.error(mark, new Error(`failed with ${value}`));
    console.log(mark, 'base64', btoa(value), btoa(`user:${value}`));
    console.log(mark, 'url', encodeURIComponent(value), new URLSearchParams({ value }));
    console.log(
      mark,
      'hex',
      [...new TextEncoder().encode(value)].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
    );
    console.log(mark, 'all of env', env);
    console.log(mark, 'nothing secret');
    setTimeout(() => Promise.reject(new Error(`${mark} rejected with ${value}`)), 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (request.headers.has('x-throw')) throw new Error(`${mark} threw ${value}`);
    return Response.json({ holds: value.length });
  },
};
