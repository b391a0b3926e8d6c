/* oxlint-disable -- hostile code */
import { builtin, run } from './attempts.js';
import { readers, writers } from './files.js';
import { FRAME, LAST, OWN, frame, head, text } from './frames.js';
import { connections, datagramsAndNames, unixSockets } from './network.js';
import { powers } from './powers.js';

/** Writes a forged call to whatever is behind each descriptor but the channel and the standard streams. */
function intrusions() {
  const { Socket } = builtin('node:net');
  const fs = builtin('node:fs');
  const call = frame(
    FRAME.call,
    LAST,
    OWN + 77,
    head(['kv', 'STORE', 'put', { key: 'intruded' }, 0], text('x')),
  );
  const attempts = {};
  for (let fd = 4; fd < 64; fd += 1) {
    attempts[`socket of fd ${fd}`] = () =>
      new Promise((resolve, reject) => {
        const socket = new Socket({ fd });
        socket.on('error', reject);
        socket.write(call, (error) => (error ? reject(error) : resolve('written')));
      });
    attempts[`fs.writeSync to fd ${fd}`] = () => fs.writeSync(fd, call);
  }
  for (const path of ['/dev/fd/3', '/proc/self/fd/3', '/proc/1/fd/3', '/proc/2/fd/3', '/proc/2/task/2/fd/3'])
    attempts[`write to ${path}`] = () => fs.writeFileSync(path, call) ?? 'written';
  return attempts;
}

/** What lies behind each descriptor that a socket can be made of, the channel (3) and the standard streams aside. */
function descriptors() {
  const { Socket } = builtin('node:net');
  const attempts = {};
  for (let fd = 0; fd < 64; fd += 1) {
    if (fd === 3) continue;
    attempts[`fd ${fd}`] = () =>
      new Promise((resolve, reject) => {
        const socket = new Socket({ fd });
        socket.on('error', reject);
        socket.on('data', (chunk) => resolve(`read ${chunk.length} bytes`));
        // Nobody sends anything to what is really there: silence means that it is not a way to anybody.
        setTimeout(() => reject(new Error('silent')), 300);
      });
  }
  return attempts;
}

function surroundings() {
  return {
    environment: Deno.inspect(Deno.env.toObject()),
    'process.env': Deno.inspect({ ...process.env }),
    argv: process.argv.join(' '),
    args: Deno.args.join(' '),
    hostname: Deno.hostname(),
    globals: Object.getOwnPropertyNames(globalThis).join(' '),
    pid: String(Deno.pid),
  };
}

/** Attempts for which the runtime ends the whole process; each is made alone. */
const FATAL = {
  'heap snapshot': () => builtin('node:v8').writeHeapSnapshot('/tmp/planted'),
  vsock: async () => Deno.connect({ transport: 'vsock', cid: 2, port: 8081 }),
  'worker with more permissions': () =>
    new Promise((resolve, reject) => {
      const code = `Deno.readTextFile('/etc/passwd').then(postMessage, (e) => postMessage('denied ' + e.message))`;
      const url = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
      const worker = new Worker(url, {
        type: 'module',
        deno: { permissions: { read: true, net: true, run: true } },
      });
      worker.onmessage = ({ data }) =>
        String(data).startsWith('denied') ? reject(new Error(data)) : resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
    }),
};

const PROBES = {
  fatal: (query) => run({ [query.get('name')]: FATAL[query.get('name')] }),
  control: (query) =>
    run(
      Object.assign(
        {},
        ...query
          .get('hosts')
          .split(' ')
          .map((host) => toHost(host, query.get('port'))),
      ),
    ),
  network: (query) =>
    run({
      ...connections(query.get('host'), query.get('port')),
      ...datagramsAndNames(query.get('host'), query.get('port'), query.get('name')),
    }),
  unix: () =>
    run(
      unixSockets([
        '/run/cordon.sock',
        '/var/run/docker.sock',
        '/run/dbus/system_bus_socket',
        '\0cordon',
        '\0/tmp/.X11-unix/X0',
        '/proc/self/fd/3',
      ]),
    ),
  descriptors: () => run(descriptors()),
  intrude: () => run(intrusions()),
  read: (query) => run(readers(query.get('path'))),
  write: (query) => run(writers(query.get('path'))),
  list: (query) =>
    run({
      'Deno.readDir': async () =>
        (await Array.fromAsync(Deno.readDir(query.get('path')))).map(({ name }) => name),
      'fs.readdirSync': () => builtin('node:fs').readdirSync(query.get('path')),
      'fs.statSync': () => builtin('node:fs').statSync(query.get('path')),
      'Deno.realPath': () => Deno.realPath(query.get('path')),
    }),
  powers: () => run(powers()),
  surroundings,
  benign: async () => ({
    'data URL': await (await fetch('data:text/plain,hello')).text(),
    digest: String((await crypto.subtle.digest('SHA-256', new Uint8Array(3))).byteLength),
    path: builtin('node:path').join('a', 'b'),
    worker: await new Promise((resolve, reject) => {
      const url = URL.createObjectURL(new Blob(['postMessage(1)'], { type: 'text/javascript' }));
      const worker = new Worker(url, { type: 'module' });
      worker.onmessage = () => resolve('answered');
      worker.onerror = (event) => {
        event.preventDefault();
        resolve(`refused ${event.message}`);
      };
    }),
    blob: await new Blob(['x']).text(),
  }),
};

function toHost(host, port) {
  const attempts = Object.entries(connections(host, port));
  return Object.fromEntries(attempts.map(([name, attempt]) => [`${name} to ${host}`, attempt]));
}

export default {
  async fetch(request) {
    const url = new URL(request.url);
    const probe = PROBES[url.pathname.split('/').pop()];
    if (probe === undefined) return new Response('no such probe', { status: 404 });
    return Response.json(await probe(url.searchParams));
  },
};
