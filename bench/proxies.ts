/** The proxies of Debian's packages, before the same function server. A machine without them is measured without them. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Launch } from './subject.ts';
import type { Workplace } from './workplace.ts';

const NGINX = '/usr/sbin/nginx';
const CADDY = '/usr/bin/caddy';

/** nginx with a rate limit and kept-alive connections to the socket; null where it is not installed. */
export async function nginxProxy(place: Workplace, socket: string): Promise<Launch | null> {
  if (!existsSync(NGINX)) return null;
  const folder = await place.newFolder('nginx');
  const port = await freePort();
  await writeFile(
    join(folder, 'nginx.conf'),
    `daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  limit_req_zone $binary_remote_addr zone=callers:1m rate=1000000r/s;
  upstream functions { server unix:${socket}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 1000000;
    location / {
      limit_req zone=callers burst=100000 nodelay;
      proxy_pass http://functions;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
    }
  }
}
`,
  );
  return { command: NGINX, args: ['-c', join(folder, 'nginx.conf'), '-p', folder], silentPort: port };
}

/** Caddy without certificates and administration; null where it is not installed. */
export async function caddyProxy(place: Workplace, socket: string): Promise<Launch | null> {
  if (!existsSync(CADDY)) return null;
  const folder = await place.newFolder('caddy');
  const port = await freePort();
  await writeFile(
    join(folder, 'Caddyfile'),
    `{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  reverse_proxy unix/${socket}
}
`,
  );
  const args = ['run', '--config', join(folder, 'Caddyfile'), '--adapter', 'caddyfile'];
  const home = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  return { command: CADDY, args, silentPort: port, env: home };
}

/** A port that was free a moment ago, for those that cannot be asked to choose one. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
