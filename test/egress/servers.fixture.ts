import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeCertificate } from './certificate.fixture.ts';

const NOBODY = 65_534;
const START_ATTEMPTS_MAX = 200;

export interface RunningServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** PostgreSQL with TLS offered on a free port of loopback; null where it is not installed. */
export async function startPostgres(): Promise<RunningServer | null> {
  const [bin] = globSync('/usr/lib/postgresql/*/bin').toSorted().toReversed();
  if (bin === undefined || !existsSync(join(bin, 'initdb'))) return null;
  const folder = await ownFolder();
  const data = join(folder, 'data');
  const { status, stderr } = spawnSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'tester', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C'],
    { ...asNobody(), encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`initdb failed: ${stderr}`);
  const { key, certificate } = makeCertificate();
  for (const [name, text] of [
    ['server.key', key],
    ['server.crt', certificate],
  ] as const) {
    await writeFile(join(data, name), text, { mode: 0o600 });
    await chown(join(data, name), ...owner());
  }
  const port = await freePort();
  const child = spawn(
    join(bin, 'postgres'),
    ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', folder, '-c', 'ssl=on', '-c', 'fsync=off'],
    { ...asNobody(), stdio: 'ignore' },
  );
  return running(child, port, folder, 'SIGINT');
}

export interface RedisOptions {
  /** Default: a free one. */
  readonly port?: number;
  readonly password?: string;
  /** Listens with TLS alone. */
  readonly tls?: { readonly key: string; readonly certificate: string };
}

/** Valkey or Redis; null where neither is installed. */
export async function startRedis(options: RedisOptions = {}): Promise<RunningServer | null> {
  const program = ['valkey-server', 'redis-server'].find(
    (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0,
  );
  if (program === undefined) return null;
  const folder = await ownFolder();
  const port = options.port ?? (await freePort());
  const args = ['--bind', '127.0.0.1', '--save', '', '--dir', folder];
  if (options.password !== undefined) args.push('--requirepass', options.password);
  if (options.tls === undefined) args.push('--port', String(port));
  else {
    for (const [name, text] of Object.entries(options.tls)) {
      await writeFile(join(folder, name), text, { mode: 0o600 });
      await chown(join(folder, name), ...owner());
    }
    args.push('--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no');
    args.push('--tls-key-file', join(folder, 'key'), '--tls-cert-file', join(folder, 'certificate'));
    args.push('--tls-ca-cert-file', join(folder, 'certificate'));
  }
  const child = spawn(program, args, { ...asNobody(), stdio: 'ignore' });
  return running(child, port, folder, 'SIGTERM');
}

async function running(
  child: ChildProcess,
  port: number,
  folder: string,
  signal: NodeJS.Signals,
): Promise<RunningServer> {
  const stop = async (): Promise<void> => {
    const exited = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill(signal)) await exited;
    await rm(folder, { recursive: true, force: true });
  };
  for (let attempt = 0; attempt < START_ATTEMPTS_MAX; attempt += 1) {
    if (child.exitCode !== null) break;
    if (await answers(port)) return { port, stop };
    await sleep(25);
  }
  await stop();
  throw new Error(`${child.spawnfile} did not start.`);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Neither server starts as root. */
async function ownFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-server-'));
  await chmod(folder, 0o700);
  await chown(folder, ...owner());
  return folder;
}

function owner(): [user: number, group: number] {
  const user = process.getuid?.() ?? NOBODY;
  return user === 0 ? [NOBODY, NOBODY] : [user, process.getgid?.() ?? NOBODY];
}

function asNobody(): { readonly uid?: number; readonly gid?: number; readonly cwd: string } {
  const [uid, gid] = owner();
  return process.getuid?.() === 0 ? { uid, gid, cwd: '/' } : { cwd: '/' };
}
