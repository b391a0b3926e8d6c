import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { CALL_STREAM_BIT, FRAME, FrameDecoder, decodeHead } from '../channel/index.ts';
import { Instance } from '../instance/index.ts';
import type { CallOpener } from '../instance/index.ts';
import type { Isolation, SandboxExit } from '../sandbox/index.ts';

/** Both ends of a connection. */
async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = createConnection((server.address() as AddressInfo).port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  server.close();
  return [far, near];
}

/** An instance whose guest is the test: it may send whatever it likes. */
export class HostileGuest {
  readonly instance: Instance;
  readonly #socket: Socket;
  readonly #replies = new Map<number, (head: unknown) => void>();
  violation: string | null = null;

  private constructor(instance: Instance, socket: Socket) {
    this.instance = instance;
    this.#socket = socket;
    const decoder = new FrameDecoder(2 ** 30);
    socket.on('data', (chunk: Buffer) =>
      decoder.push(chunk, (type, _flags, stream, payload) => {
        if (type === FRAME.reply) this.#replies.get(stream)?.(decodeHead(payload).head);
      }),
    );
    socket.on('error', () => undefined);
    instance.observe({
      log() {},
      available() {},
      timedOut() {},
      denied() {},
      threw() {},
      gone() {},
      violated: (reason) => {
        this.violation = reason;
      },
    });
  }

  /** `serve` says who serves the calls of an instance. */
  static async start(serve: (instance: string) => CallOpener): Promise<HostileGuest> {
    const [channel, guestEnd] = await socketPair();
    const exit = Promise.withResolvers<SandboxExit>();
    const sandbox = {
      id: 'sbx_test',
      pid: 0,
      channel,
      exited: exit.promise,
      kill: () => {
        channel.destroy();
        exit.resolve({ reason: 'killed', code: null, signal: null, stderr: '' });
      },
      setMemoryLimit() {},
      usage: () => ({ memoryBytes: 0, cpuMicros: 0 }),
    };
    const isolation = { start: () => Promise.resolve(sandbox) } as unknown as Isolation;
    const limits = { memoryBytesMax: 1, cpuCoresMax: 1, pidsMax: 1 };
    const instance = await Instance.start(isolation, limits);
    instance.serveCalls(serve(instance.id));
    return new HostileGuest(instance, guestEnd);
  }

  send(bytes: Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  deafen(): void {
    this.#socket.pause();
  }

  reply(id: number): Promise<unknown> {
    return new Promise((resolve) => this.#replies.set(CALL_STREAM_BIT + id, resolve));
  }

  /** Ends it from the guest's side and waits until the host has let go. */
  async leave(): Promise<void> {
    this.#socket.end();
    while (this.instance.alive) await new Promise((resolve) => setTimeout(resolve, 1));
    this.#socket.destroy();
  }
}
