/* oxlint-disable -- hostile code */
import { builtin, first } from './attempts.js';

/** Every way by which this runtime can be asked to open a connection to a host and port. */
export function connections(host, port) {
  const net = builtin('node:net');
  const url = `${host}:${port}`;
  return {
    fetch: async () => (await fetch(`http://${url}/v1/health`)).status,
    'fetch over https': async () => (await fetch(`https://${url}/v1/health`)).status,
    'fetch in a Request': async () =>
      (await fetch(new Request(`http://${url}/v1/apps`, { method: 'POST' }))).status,
    'fetch with a client': async () =>
      (await fetch('http://x/', { client: Deno.createHttpClient({ proxy: { url: `http://${url}` } }) }))
        .status,
    'Deno.connect': async () => (await Deno.connect({ hostname: host, port: Number(port) })).remoteAddr,
    'Deno.connectTls': async () => (await Deno.connectTls({ hostname: host, port: Number(port) })).remoteAddr,
    'Deno.connectQuic': async () =>
      Deno.connectQuic({ hostname: host, port: Number(port), alpnProtocols: ['x'] }),
    'net.connect': () => first(net.connect({ host, port: Number(port) }), ['connect']),
    'http.request': () => first(builtin('node:http').get(`http://${url}/v1/health`), ['response']),
    'https.request': () => first(builtin('node:https').get(`https://${url}/v1/health`), ['response']),
    'http2.connect': () => first(builtin('node:http2').connect(`http://${url}`), ['connect']),
    'tls.connect': () => first(builtin('node:tls').connect({ host, port: Number(port) }), ['secureConnect']),
    WebSocket: () => first(new WebSocket(`ws://${url}/v1/logs/stream`), ['open'], ['error', 'close']),
    WebSocketStream: () => new WebSocketStream(`ws://${url}/`).opened,
    EventSource: () => first(new EventSource(`http://${url}/v1/logs/stream`), ['open']),
    WebTransport: () => new WebTransport(`https://${url}/`).ready,
    'remote import': () => import(/* @vite-ignore */ ['http:/', url, 'x.js'].join('/')),
    'remote worker': () => first(new Worker(`http://${url}/x.js`, { type: 'module' }), ['message']),
    'inner binding': async () => {
      const core = Deno[Deno.internal]?.core;
      return core.ops.op_net_connect_tcp({ hostname: host, port: Number(port) });
    },
  };
}

/** Sockets of other kinds, and names. */
export function datagramsAndNames(host, port, name) {
  return {
    'Deno.listenDatagram': async () => {
      const socket = Deno.listenDatagram({ transport: 'udp', hostname: '0.0.0.0', port: 0 });
      return socket.send(new TextEncoder().encode('udp'), {
        transport: 'udp',
        hostname: host,
        port: Number(port),
      });
    },
    'dgram.send': () =>
      new Promise((resolve, reject) => {
        const socket = builtin('node:dgram').createSocket('udp4');
        socket.on('error', reject);
        socket.send('udp', Number(port), host, (error) => (error ? reject(error) : resolve('sent')));
      }),
    'Deno.listen': async () => Deno.listen({ hostname: '0.0.0.0', port: 0 }).addr,
    'net.listen': () => first(builtin('node:net').createServer().listen(0, '0.0.0.0'), ['listening']),
    'Deno.serve': async () => Deno.serve({ port: 0 }, () => new Response()).addr,
    'Deno.resolveDns': () => Deno.resolveDns(name, 'A'),
    'Deno.resolveDns with a server': () =>
      Deno.resolveDns(name, 'A', { nameServer: { ipAddr: host, port: Number(port) } }),
    'dns.lookup': () => builtin('node:dns').promises.lookup(name),
    'dns.resolve4': () => builtin('node:dns').promises.resolve4(name),
    'dns.Resolver': () => {
      const resolver = new (builtin('node:dns').promises.Resolver)();
      resolver.setServers([`${host}:${port}`]);
      return resolver.resolve4(name);
    },
  };
}

/** Sockets by a path or an abstract name. */
export function unixSockets(paths) {
  const attempts = {};
  for (const path of paths) {
    const shown = path.replace('\0', '@');
    attempts[`Deno.connect ${shown}`] = async () => Deno.connect({ transport: 'unix', path });
    attempts[`net.connect ${shown}`] = () => first(builtin('node:net').connect({ path }), ['connect']);
  }
  attempts['Deno.listen unix'] = async () =>
    Deno.listen({ transport: 'unix', path: '/tmp/attacker.sock' }).addr;
  attempts['net.listen abstract'] = () =>
    first(builtin('node:net').createServer().listen('\0attacker'), ['listening']);
  attempts['fetch by a unix socket'] = async () =>
    (
      await fetch('http://x/', {
        client: Deno.createHttpClient({ proxy: { transport: 'unix', path: paths[0] } }),
      })
    ).status;
  return attempts;
}
