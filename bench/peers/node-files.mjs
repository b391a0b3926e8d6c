/** A file server as bare as it can be: PUT streams into a file that is durable before the answer, GET streams it back. */
import { createReadStream } from 'node:fs';
import { open, rename, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

const [folder] = process.argv.slice(2);
let temporary = 0;

async function put(request, path) {
  const written = `${path}.${(temporary += 1)}`;
  const file = await open(written, 'w');
  try {
    for await (const chunk of request) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(written, path);
}

const server = createServer((request, response) => {
  const path = join(folder, request.url.slice(1).replaceAll('/', '_'));
  const answering =
    request.method === 'PUT'
      ? put(request, path).then(() => response.writeHead(200, { 'content-length': 0 }).end())
      : stat(path).then(({ size }) => {
          response.writeHead(200, { 'content-length': size });
          return pipeline(createReadStream(path), response);
        });
  answering.catch((error) => {
    console.error(error);
    response.destroy();
  });
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
