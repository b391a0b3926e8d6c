import { builtin } from '../guest-modules.ts';
import type { GuestCaller } from '../guest-port.ts';
import { IncomingBody, OutgoingBody } from '../guest-streams.ts';
import type { NodeDuplex, StreamCallback } from '../guest-streams.ts';
import type { ConnectArgs } from './contract.ts';

/** A `net.Socket` of the runtime, with the methods by which its stream is fed. */
export interface TunnelSocket extends NodeDuplex {
  connecting: boolean;
  _read(size: number): void;
  _write(chunk: Uint8Array | string, encoding: string, callback: StreamCallback): void;
  _writev: unknown;
  _final(callback: StreamCallback): void;
  _destroy(error: unknown, callback: StreamCallback): void;
  /** Puts off the timeout of `setTimeout`. */
  _unrefTimer?(): void;
}

const tunnels = new WeakSet<object>();

interface StreamModule {
  Duplex: new (options: Readonly<Record<string, unknown>>) => NodeDuplex;
}

/**
 * The socket as a plain stream, when it is one of `openTunnel`: TLS of the runtime takes a `net.Socket` for
 * one of the system and waits for a connection that it never sees.
 */
export function asPlainStream(socket: unknown): unknown {
  if (typeof socket !== 'object' || socket === null || !tunnels.has(socket)) return socket;
  const source = socket as NodeDuplex;
  const { Duplex } = builtin<StreamModule>('node:stream');
  const plain = new Duplex({
    read: () => void source.resume(),
    write: (chunk: Uint8Array, _encoding: string, callback: StreamCallback) =>
      void source.write(chunk, callback),
    final: (callback: StreamCallback) => {
      source.end();
      callback();
    },
    destroy: (error: unknown, callback: StreamCallback) => {
      source.destroy();
      callback(error);
    },
  });
  source.on('data', (chunk: Uint8Array) => {
    if (!plain.push(chunk)) source.pause();
  });
  source.on('end', () => plain.push(null));
  source.on('error', (error: unknown) => plain.destroy(error));
  source.on('close', () => plain.destroy());
  return plain;
}

/**
 * Makes a socket that has no connection speak over a call to the host. Its own methods to read and write
 * give way to these; all that builds on them, from `pipe` to `tls.connect`, stays as it is.
 */
export function openTunnel(socket: TunnelSocket, caller: GuestCaller, target: ConnectArgs): void {
  tunnels.add(socket);
  const abort = new AbortController();
  const outgoing = new OutgoingBody();
  let incoming: IncomingBody | null = null;
  let wanted = false;
  const active = (): void => socket._unrefTimer?.();
  const close = socket._destroy.bind(socket);
  socket.connecting = true;
  socket._read = () => {
    wanted = true;
    incoming?.read();
  };
  socket._write = (chunk, encoding, callback) => {
    active();
    outgoing.write(toBytes(chunk, encoding), callback);
  };
  socket._writev = null;
  socket._final = (callback) => {
    outgoing.close();
    callback();
  };
  socket._destroy = (error, callback) => {
    socket.connecting = false;
    outgoing.close();
    incoming?.cancel();
    abort.abort();
    close(error, callback);
  };
  caller.call('connect', '', 'open', target, { body: outgoing.readable, signal: abort.signal }).then(
    ({ stream }) => {
      if (socket.destroyed || stream === null) {
        stream?.cancel().catch(() => undefined);
        socket.destroy();
        return;
      }
      incoming = new IncomingBody(socket, stream, active);
      socket.connecting = false;
      socket.emit('connect');
      socket.emit('ready');
      if (wanted) incoming.read();
    },
    (thrown: unknown) => {
      if (!socket.destroyed) socket.destroy(thrown);
    },
  );
}

function toBytes(chunk: Uint8Array | string, encoding: string): Uint8Array {
  if (typeof chunk !== 'string') return chunk;
  const { Buffer } = globalThis as unknown as {
    Buffer: { from(text: string, encoding: string): Uint8Array };
  };
  return Buffer.from(chunk, encoding);
}
