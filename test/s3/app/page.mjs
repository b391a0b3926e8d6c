/* oxlint-disable -- untyped on purpose: deployed as it is */
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

/** A page with a signed form, as anyone would write it, and with what uploads by a signed URL. */
function pageOf({ url, fields, typed }) {
  const hidden = fields.map(
    ({ name, value }) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Upload</title>
<script src="/script.js" defer></script>
<h1>Upload a picture</h1>
<form id="form" action="${escaped(url)}" method="post" enctype="multipart/form-data">
${hidden.join('\n')}
${typed ? '<input type="hidden" name="content-type" value="image/png">' : ''}
<p><input type="file" name="file"></p>
<p><button id="send">Send the form</button></p>
</form>
<p><input id="url" size="60" placeholder="signed URL"></p>
<p><button id="fetch">PUT by fetch</button> <button id="xhr">PUT by XMLHttpRequest</button> <button id="read">GET</button></p>
<p>Outcome: <output id="outcome">none</output></p>
</html>`;
}

const SCRIPT = `
const element = (id) => document.getElementById(id);
const chosen = () => document.querySelector('input[type=file]').files[0];
const target = () => element('url').value;
const work = {
  async fetch() {
    const response = await fetch(target(), { method: 'PUT', body: chosen() });
    return response.status + ' ' + response.headers.get('etag');
  },
  xhr: () => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let sent = 0;
    request.upload.onprogress = ({ loaded }) => { sent = loaded; };
    request.onload = () => resolve(request.status + ' ' + request.getResponseHeader('etag') + ' after ' + sent);
    request.onerror = () => reject(new TypeError('no answer'));
    request.open('PUT', target());
    request.send(chosen());
  }),
  async read() {
    const response = await fetch(target());
    return response.status + ' ' + (await response.arrayBuffer()).byteLength;
  },
};
for (const [id, run] of Object.entries(work))
  element(id).addEventListener('click', () => {
    element('outcome').textContent = 'waits';
    run().then((text) => text, (error) => 'failed: ' + error.name).then((text) => { element('outcome').textContent = text; });
  });
`;

export default {
  fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/script.js')
      return new Response(SCRIPT, { headers: { 'content-type': 'text/javascript' } });
    const html = { headers: { 'content-type': 'text/html; charset=utf-8' } };
    if (pathname === '/done')
      return new Response(`<!doctype html><h1>Thank you for ${escaped(searchParams.get('key'))}</h1>`, html);
    return new Response(pageOf(JSON.parse(env.FORMS)[searchParams.get('form')]), html);
  },
};
