/* oxlint-disable -- untyped on purpose: deployed as it is */
/* Says its secrets in every way that comes to mind, the careless ones. */
const encoder = new TextEncoder();
const hex = (value) => [...encoder.encode(value)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const base64 = (value) => btoa(String.fromCharCode(...encoder.encode(value)));

function say(value, mark) {
  console.log(mark, 'plain', value);
  console.debug(mark, `in a text: <${value}>`);
  console.info(mark, { nested: { authorization: `Bearer ${value}` } });
  console.info(mark, [value], new Map([[value, new Set([value])]]), new Headers({ 'x-key': value }));
  console.warn(
    mark,
    'json',
    JSON.stringify({ value }),
    JSON.stringify(JSON.stringify({ value })).slice(1, -1),
  );
  console.error(mark, new Error(`failed with ${value}`));
  console.error(
    mark,
    new Error('failed', { cause: new TypeError(value) }),
    new AggregateError([new Error(value)]),
  );
  console.log(mark, 'base64', base64(value), base64(`user:${value}`), base64(`us:${value}:x`));
  console.log(mark, 'url', encodeURIComponent(value), encodeURI(value), new URLSearchParams({ value }));
  console.log(mark, 'form', `${new URLSearchParams({ value })}`, escapeHtml(value));
  console.log(mark, 'hex', hex(value), hex(value).toUpperCase());
  const url = new URL('postgres://host/');
  url.password = value;
  console.log(mark, 'url of a database', url.href, url);
  console.table([value]);
  console.dir({ value });
  console.trace(value);
  console.assert(false, value);
}

function escapeHtml(text) {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}

/** In parts: over lines, over writes, and where a line is cut. */
function sayInParts(value, mark) {
  const half = value.length >> 1;
  console.log(mark, 'first part', value.slice(0, half));
  console.log(value.slice(half), 'second part', mark);
  console.log(value.slice(2, -2));
  console.log(`${value} `.repeat(400));
  console.log('.'.repeat(8 * 1024 - half), value);
  for (const stream of [process.stdout, process.stderr]) {
    stream.write(`${mark} ${value.slice(0, half)}`);
    stream.write(`${value.slice(half)}\n`);
  }
}

/** Asks for what it is not granted, with the secret in the names. */
async function askFor(value) {
  await fetch(`https://${value}.invalid/?key=${value}`).catch(() => {});
  await fetch(`https://x.invalid/${value}`, { method: 'POST', headers: { 'x-a': value } }).catch(() => {});
  await Deno.connect({ hostname: `${value}.invalid`, port: 1 }).catch(() => {});
  await Deno.resolveDns(`${value}.invalid`, 'A').catch(() => {});
  try {
    new WebSocket(`ws://x.invalid/${value}`);
  } catch {}
}

export default {
  async fetch(request, env) {
    const mark = request.headers.get('x-mark') ?? 'mark';
    if (request.headers.has('x-exit')) {
      process.stderr.write(`${mark} last words ${env.SPOKEN}\n`);
      Deno.exit(0);
    }
    for (const value of [env.SPOKEN, env.PLAIN]) {
      say(value, mark);
      sayInParts(value, mark);
    }
    await askFor(env.PLAIN);
    console.log(mark, 'all of env', env, process.env);
    console.log(mark, 'nothing secret', JSON.stringify({ a: 'b"c' }), btoa('nothing to hide here'));
    setTimeout(() => Promise.reject(new Error(`${mark} rejected with ${env.SPOKEN}`)), 1);
    setTimeout(() => {
      throw new Error(`${mark} thrown in a timer with ${env.SPOKEN}`);
    }, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (request.headers.has('x-throw')) throw new Error(`${mark} threw ${env.SPOKEN}`);
    return Response.json({ holds: env.SPOKEN.length });
  },
};
