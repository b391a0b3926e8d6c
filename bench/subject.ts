/** Servers that are measured beside Cordon. Each is a process of its own that says on what port it listens. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { processTree } from './processes.ts';

const here = import.meta.dirname;
const PEERS = join(here, 'peers');
export const DENO = join(here, '../node_modules/@deno/linux-x64-glibc/deno');
export const WORKERD = join(here, 'node_modules/@cloudflare/workerd-linux-64/bin/workerd');
const FUNCTIONS_FRAMEWORK = join(here, 'node_modules/@google-cloud/functions-framework/build/src/main.js');
/** Adds half of itself, on average, to a start that is measured. */
const CONNECT_PAUSE_MS = 2;
const START_TIMEOUT_MS = 20_000;
const DENO_FLAGS = ['run', '--quiet', '--no-prompt', '--no-config', '--no-lock', '--no-remote', '--no-npm'];

/** A server process. */
export interface Peer {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  /** Descriptor on which it says its port, by default stdout. */
  readonly portDescriptor?: 1 | 3;
  /** Port of a server that says nothing: it is asked until it answers. */
  readonly silentPort?: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a server and resolves when it listens. Throws with its stderr when it does not. */
export async function startPeer(launch: Launch): Promise<Peer> {
  const child = spawn(launch.command, launch.args, {
    cwd: launch.cwd ?? here,
    env: { ...process.env, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1', ...launch.env },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  try {
    const port =
      launch.silentPort === undefined
        ? await portOf(child, launch.portDescriptor ?? 1)
        : await untilConnected(child, launch.silentPort);
    return { port, pid: child.pid ?? 0, stop: () => stop(child) };
  } catch (cause) {
    await stop(child);
    throw new Error(`${launch.command} did not start: ${stderr}`, { cause });
  }
}

async function portOf(child: ChildProcess, descriptor: 1 | 3): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const lines = createInterface({ input: child.stdio[descriptor] as Readable });
  lines.on('line', (line) => {
    const match = /(?:listening |"port":)(\d+)/.exec(line);
    if (match) resolve(Number(match[1]));
  });
  child.once('error', reject);
  child.once('exit', (code) => reject(new Error(`it ended with ${code}`)));
  const timer = setTimeout(() => reject(new Error('it does not listen')), START_TIMEOUT_MS);
  return promise.finally(() => clearTimeout(timer));
}

async function untilConnected(child: ChildProcess, port: number): Promise<number> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    const socket = connect(port, '127.0.0.1');
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (connected) return port;
    if (performance.now() > deadline) throw new Error('it does not listen');
    await sleep(CONNECT_PAUSE_MS);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

export function nodeHello(): Launch {
  return { command: process.execPath, args: [join(PEERS, 'node-hello.mjs')] };
}

/** Keeps what is PUT in files of `folder`. */
export function nodeFiles(folder: string): Launch {
  return { command: process.execPath, args: [join(PEERS, 'node-files.mjs'), folder] };
}

/** `socket`: path of a unix socket to listen on in place of a port. */
export function denoHello(socket?: string): Launch {
  const permissions =
    socket === undefined ? ['--allow-net'] : ['--allow-net', '--allow-read', '--allow-write'];
  const args = [
    ...DENO_FLAGS,
    ...permissions,
    join(PEERS, 'deno-hello.mjs'),
    ...(socket === undefined ? [] : [socket]),
  ];
  return { command: DENO, args };
}

export function undiciProxy(socket: string): Launch {
  return { command: process.execPath, args: [join(PEERS, 'undici-proxy.mjs'), socket] };
}

let lastPort = 20_000 + (process.pid % 5000);

/** It does not listen on a port of the system's choice, so one is named; in production it says nothing. */
export function functionsHello(): Launch {
  lastPort += 1;
  const args = [
    FUNCTIONS_FRAMEWORK,
    `--source=${join(PEERS, 'functions-hello.cjs')}`,
    '--target=hello',
    `--port=${lastPort}`,
  ];
  return { command: process.execPath, args, env: { NODE_ENV: 'production' }, silentPort: lastPort };
}

/** A Deno process that serves the fetch handler of `module`. */
export async function denoFunction(folder: string, module: string): Promise<Launch> {
  const entry = join(folder, 'main.mjs');
  await writeFile(join(folder, 'function.mjs'), module);
  await writeFile(
    entry,
    `import handler from './function.mjs';
Deno.serve({ hostname: '127.0.0.1', port: 0, onListen: ({ port }) => console.log('listening ' + port) }, (request) => handler.fetch(request));
`,
  );
  return { command: DENO, args: [...DENO_FLAGS, '--allow-net', entry] };
}

/** workerd with one worker. `texts`: text bindings. `loader`: the worker gets the Worker Loader as `LOADER`. */
export async function workerdWith(
  folder: string,
  module: string,
  options: { readonly texts?: Readonly<Record<string, string>>; readonly loader?: true } = {},
): Promise<Launch> {
  const bindings: string[] = options.loader ? ['(name = "LOADER", workerLoader = ())'] : [];
  await writeFile(join(folder, 'main.js'), module);
  for (const [name, text] of Object.entries(options.texts ?? {})) {
    await writeFile(join(folder, `${name}.txt`), text);
    bindings.push(`(name = "${name}", text = embed "${name}.txt")`);
  }
  await writeFile(
    join(folder, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "main.js", esModule = embed "main.js")],
    compatibilityDate = "2026-01-01",
    ${options.loader ? 'compatibilityFlags = ["experimental"],' : ''}
    bindings = [${bindings.join(', ')}],
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`,
  );
  const experimental = options.loader ? ['--experimental'] : [];
  const args = ['serve', ...experimental, '--control-fd=3', join(folder, 'config.capnp')];
  return { command: WORKERD, args, portDescriptor: 3, cwd: folder };
}

/** A server under load, with the processes that work for it. */
export interface LoadSubject {
  readonly name: string;
  readonly port: number;
  /** Path before `/small` and `/large`. */
  readonly prefix: string;
  /** Processes that face the caller. */
  front(): readonly number[];
  /** All of them. */
  all(): readonly number[];
}

/** A peer that is one process. */
export function loadSubject(name: string, peer: Peer, behind: readonly Peer[] = []): LoadSubject {
  return {
    name,
    port: peer.port,
    prefix: '',
    front: () => processTree(peer.pid),
    all: () => [peer, ...behind].flatMap(({ pid }) => processTree(pid)),
  };
}
