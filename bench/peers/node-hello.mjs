import { createServer } from 'node:http';

const SMALL = 'x'.repeat(100);
const LARGE = 'x'.repeat(65_536);

const server = createServer((request, response) => {
  if (request.method !== 'POST') {
    const body = request.url?.endsWith('/large') ? LARGE : SMALL;
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': body.length });
    response.end(body);
    return;
  }
  let length = 0;
  request.on('data', (chunk) => {
    length += chunk.length;
  });
  request.on('end', () => {
    const body = String(length);
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': body.length });
    response.end(body);
  });
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
