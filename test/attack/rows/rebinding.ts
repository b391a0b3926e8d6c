import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Home, ServerProcess } from '../../../tools/server-process.ts';
import { Upstream } from '../keeper.ts';
import type { Verdict } from '../row.ts';
import { makeTar } from '../tar.ts';

/** Of this machine, and nobody's else: a name server here is asked by no one but the server under attack. */
const NAME_SERVER = '127.0.0.77';
const PUBLIC = [93, 184, 215, 14];
const INSIDE = [127, 0, 0, 1];
const TYPE_A = 1;
const TYPE_AAAA = 28;
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...INSIDE];
const NAT64 = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, ...INSIDE];

/** The addresses of a name, by its first letters and how often it was asked for. */
function recordsOf(name: string, type: number, asked: number): number[][] {
  if (type === TYPE_AAAA)
    return name.startsWith('mapped') ? [MAPPED] : name.startsWith('nat64') ? [NAT64] : [];
  if (type !== TYPE_A) return [];
  if (name.startsWith('mapped') || name.startsWith('nat64')) return [];
  if (name.startsWith('inside')) return [INSIDE];
  if (name.startsWith('metadata')) return [[169, 254, 169, 254]];
  if (name.startsWith('mixed')) return [PUBLIC, INSIDE];
  // The first answer is the one that a check sees, the others are for the connection.
  return [asked === 1 ? PUBLIC : INSIDE];
}

const NAMES = ['inside', 'metadata', 'mixed', 'mapped', 'nat64', 'rebind'] as const;

function answer(query: Buffer, counts: Map<string, number>): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  const type = query.readUInt16BE(at + 1);
  const key = `${labels.join('.')} ${type}`;
  const asked = (counts.get(key) ?? 0) + 1;
  counts.set(key, asked);
  const records = recordsOf(labels[0] ?? '', type, asked).map((address) => {
    const record = Buffer.alloc(12 + address.length);
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt16BE(address.length, 10);
    record.set(address, 12);
    return record;
  });
  const head = Buffer.from(query.subarray(0, 12));
  head.writeUInt16BE(0x8580, 2);
  head.writeUInt16BE(records.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([head, query.subarray(12, at + 5), ...records]);
}

async function nameServer(): Promise<Socket> {
  const counts = new Map<string, number>();
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => {
    // What is no query of a resolver needs no answer.
    if (query.byteLength > 16) socket.send(answer(query, counts), port, address);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(53, NAME_SERVER, resolve);
  });
  return socket;
}

const SOURCE = `export default { async fetch(request) {
  const outcomes = {};
  for (const url of await request.json())
    outcomes[url] = await fetch(url, { signal: AbortSignal.timeout(1500) }).then(({ status }) => String(status), (thrown) => thrown.code ?? thrown.name);
  return Response.json(outcomes);
} }`;

/**
 * Attacks by names whose addresses are those of this machine, at a server that asks a name server of ours.
 * Returns how many names were tried; 0 where this machine does not let a process have its own resolver.
 */
export async function rebindingNames(verdict: Verdict): Promise<number> {
  if (process.getuid?.() !== 0) return 0;
  const names = await nameServer().catch(() => null);
  if (names === null) return 0;
  const home = await Home.create();
  const resolver = join(home.folder, 'resolv.conf');
  await writeFile(resolver, `nameserver ${NAME_SERVER}\noptions timeout:1 attempts:1\n`);
  const command = join(import.meta.dirname, '../../../bin/cordon');
  // The server gets a resolver of its own, in a mount namespace of its own.
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  home.spawn = (args) =>
    spawn('unshare', ['--mount', 'sh', '-c', script, resolver, command, ...args], {
      env: home.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const trap = await Upstream.open('0.0.0.0');
  let server: ServerProcess | null = null;
  try {
    server = await ServerProcess.start(home);
    await attackNames(server, home, trap, verdict);
    return NAMES.length;
  } finally {
    await server?.stop();
    names.close();
    await home.remove();
  }
}

async function attackNames(
  server: ServerProcess,
  home: Home,
  trap: Upstream,
  verdict: Verdict,
): Promise<void> {
  const main = {
    entry: 'main.js',
    routes: [{ path: '/names', auth: 'public' }],
    limits: { time: '20s' },
    grants: {
      fetch: [{ to: `http://*.attack.test:${trap.port}/*`, because: 'Names whose addresses change.' }],
    },
  };
  const archive = makeTar([
    { name: 'cordon.jsonc', body: JSON.stringify({ name: 'names', functions: { main } }) },
    { name: 'main.js', body: SOURCE },
  ]);

  const { token } = z.object({ token: z.string() }).parse(JSON.parse(await readCredentials(home)));
  const authorization = `Bearer ${token}`;
  const deployed = await fetch(`${server.controlUrl}/v1/apps/names/deployments`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/x-tar' },
    body: new Uint8Array(archive),
  });
  if (!deployed.ok) throw new Error(`names: ${deployed.status} ${await deployed.text()}`);
  // The one that changes is asked for again, after what the server remembers of it.
  const urls = [...NAMES, 'rebind'].map((name) => `http://${name}.attack.test:${trap.port}/secret`);
  const ask = async (asked: readonly string[]): Promise<Record<string, string>> => {
    const response = await fetch(`${server.gatewayUrl}/names`, {
      method: 'POST',
      body: JSON.stringify(asked),
    });
    return z.record(z.string(), z.string()).parse(await response.json());
  };
  const outcomes = Object.entries(await ask(urls));
  for (const [url, outcome] of outcomes) {
    const isPublicFirst = url.includes('rebind');
    verdict.expect(
      outcome === 'CORDON_EGRESS_DENIED' || (isPublicFirst && !/^\d+$/.test(outcome)),
      `${url}: ${outcome}`,
    );
  }
  await new Promise((resolve) => setTimeout(resolve, 5100));
  for (const [url, outcome] of Object.entries(await ask([urls.at(-1) ?? ''])))
    verdict.expect(outcome === 'CORDON_EGRESS_DENIED', `${url}, asked again: ${outcome}`);
  verdict.unharmed(trap.hits.length === 0, `${trap.hits.length} requests arrived by a name`);
  const events = await fetch(`${server.controlUrl}/v1/security-events`, { headers: { authorization } });
  verdict.expect((await events.text()).includes('grant.denied'), 'no event for a name of this machine');
}

async function readCredentials(home: Home): Promise<string> {
  return readFile(join(home.folder, 'config/cordon/credentials.json'), 'utf8');
}
