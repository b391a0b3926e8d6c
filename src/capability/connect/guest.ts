import { patchBuiltin, builtin } from '../guest-modules.ts';
import type { GuestCaller } from '../guest-port.ts';
import { installDenoConnect } from './guest-deno.ts';
import { asPlainStream, openTunnel } from './guest-tunnel.ts';
import type { TunnelSocket } from './guest-tunnel.ts';

type Options = Readonly<Record<string, unknown>>;
type Callable = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Gives `node:net`, `node:tls` and `Deno.connect` a way out: connections that go through the host. The
 * sockets are those of the runtime; TLS is done in the guest, so that the host never sees what is inside.
 */
export function installConnect(caller: GuestCaller): void {
  patchBuiltin('net', (net) => patchNet(net, caller));
  patchBuiltin('tls', (tls) => patchTls(tls));
  installDenoConnect();
}

function patchNet(net: Record<string, unknown>, caller: GuestCaller): void {
  const { prototype } = net['Socket'] as { prototype: { connect: Callable } };
  const native = prototype.connect;
  prototype.connect = function connect(this: unknown, ...args: unknown[]): unknown {
    const { options, listener } = readArguments(args);
    const port = Number(options['port']);
    if (options['path'] !== undefined || !Number.isInteger(port)) return native.apply(this, args);
    const socket = this as TunnelSocket;
    if (listener !== null) socket.once('connect', listener);
    const host =
      typeof options['host'] === 'string' && options['host'] !== '' ? options['host'] : 'localhost';
    openTunnel(socket, caller, { host, port });
    return socket;
  };
}

function patchTls(tls: Record<string, unknown>): void {
  const native = tls['connect'] as Callable;
  tls['connect'] = function connect(...args: unknown[]): unknown {
    const { options, listener } = readArguments(args);
    const listeners = listener === null ? [] : [listener];
    if (options['path'] !== undefined) return native(options, ...listeners);
    if (options['socket'] !== undefined)
      return native(withServerName({ ...options, socket: asPlainStream(options['socket']) }), ...listeners);
    // The module's own exports, so that its patch is there.
    const net = builtin<{ connect(options: Options): unknown }>('node:net');
    const host = options['host'] ?? 'localhost';
    const socket = asPlainStream(net.connect({ host, port: options['port'] }));
    return native(withServerName({ ...options, host, socket }), ...listeners);
  };
}

/** Without a name, the certificate is checked against `localhost`. */
function withServerName(options: Options): Options {
  const { servername, host } = options;
  if (servername !== undefined || typeof host !== 'string' || /^[\d.]+$|:/.test(host)) return options;
  return { ...options, servername: host };
}

/** The ways to call `connect`: options; port and host; each with a listener last. `tls` has options after them. */
function readArguments(args: readonly unknown[]): {
  readonly options: Options;
  readonly listener: (() => void) | null;
} {
  // The runtime hands its own functions the arguments already read, as one array.
  const flat = Array.isArray(args[0]) ? (args[0] as readonly unknown[]) : args;
  const last = flat.at(-1);
  const options: Record<string, unknown> = {};
  for (const [index, argument] of flat.entries()) {
    if (typeof argument === 'object' && argument !== null) Object.assign(options, argument);
    else if (index === 0 && typeof argument === 'string' && !/^\d+$/.test(argument))
      options['path'] = argument;
    else if (index === 0) options['port'] = argument;
    else if (typeof argument === 'string') options['host'] = argument;
  }
  return { options, listener: typeof last === 'function' ? (last as () => void) : null };
}
