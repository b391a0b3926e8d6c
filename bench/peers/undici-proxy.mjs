import { createServer } from 'node:http';
import { Pool } from 'undici';

const [socketPath] = process.argv.slice(2);
const pool = new Pool('http://localhost', { socketPath, connections: 64, pipelining: 1 });

const server = createServer((request, response) => {
  const { method, url, headers } = request;
  const hasBody = method !== 'GET' && method !== 'HEAD';
  pool.dispatch(
    { method, path: url, headers: hasBody ? forwarded(headers) : { host: headers.host }, body: hasBody ? request : null },
    {
      onRequestStart() {},
      onResponseStart(_controller, status, fields) {
        response.writeHead(status, fields);
      },
      onResponseData(controller, chunk) {
        if (!response.write(chunk)) {
          controller.pause();
          response.once('drain', () => controller.resume());
        }
      },
      onResponseEnd() {
        response.end();
      },
      onResponseError(_controller, error) {
        response.destroy(error);
      },
    },
  );
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));

function forwarded({ host, 'content-length': length, 'content-type': type }) {
  return { host, ...(length && { 'content-length': length }), ...(type && { 'content-type': type }) };
}
