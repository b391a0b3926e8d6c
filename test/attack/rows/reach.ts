import { createSocket } from 'node:dgram';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { benign, isInside, judge, judgeFatal } from '../probes.ts';
import { processEntry, sandboxed } from '../processes.ts';
import type { Row, Verdict } from '../row.ts';
import type { Stage } from '../stage.ts';

/** Listens on this machine, on TCP and UDP, for anything that comes out of a sandbox. */
async function withTrap(action: (port: number) => Promise<void>): Promise<string[]> {
  const caught: string[] = [];
  const server = createServer((socket) => {
    caught.push('a TCP connection');
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const { port } = server.address() as AddressInfo;
  const datagrams = createSocket('udp4', () => caught.push('a datagram'));
  await new Promise<void>((resolve) => datagrams.bind(port, '0.0.0.0', resolve));
  try {
    await action(port);
  } finally {
    server.close();
    datagrams.close();
  }
  return caught;
}

const HOST_FILES = [
  '/etc/passwd',
  '/proc/1/environ',
  '/proc/self/environ',
  '/proc/self/maps',
  '/proc/self/mem',
  '/harness.mjs',
  '/bin/deno',
  '/sys/fs/cgroup/cgroup.procs',
  '/dev/mem',
];

const hostFiles: Row = {
  id: 'F1',
  title: 'files of the host and of other instances',
  event: null,
  async attack(stage, verdict) {
    const forbidden = ['root:', stage.canary, stage.victimSecret, 'PATH=', 'export default'];
    const files = [
      ...HOST_FILES,
      stage.canaryFile,
      `${stage.home.dataDirectory}/cordon.db`,
      `/proc/${stage.server.pid}/environ`,
      '/../../../../etc/shadow',
    ];
    for (const path of files) judge(verdict, await stage.probe('read', { path }), forbidden);
    for (const path of [stage.canaryFile, '/tmp/planted', '/planted', '/harness.mjs', '/dev/shm/planted'])
      judge(verdict, await stage.probe('write', { path }));
    for (const path of ['/', '/proc', '/tmp', '/home', stage.home.folder])
      judge(verdict, await stage.probe('list', { path }));
    for (const path of ['/tmp/planted', '/planted', '/dev/shm/planted']) {
      verdict.unharmed(
        !readdirSync(path.slice(0, path.lastIndexOf('/')) || '/').includes('planted'),
        `${path} exists on the host`,
      );
    }
    for (const name of ['worker with more permissions', 'heap snapshot'])
      await judgeFatal(stage, verdict, name);
    await stage.probe('benign');
    lookFromOutside(stage, verdict);
    verdict.note(`${files.length} files`);
  },
  twin: benign,
};

/** What the kernel says that a sandbox can see: its mounts, read-only, without the host's folders. */
function lookFromOutside(stage: Stage, verdict: Verdict): void {
  const inside = sandboxed(stage.server.pid).filter(({ pid }) => isInside(pid));
  verdict.expect(inside.length > 0, 'no sandbox is running');
  for (const { pid } of inside) {
    const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trim().split('\n');
    const writable = mounts.filter((mount) => !/ ro[, ]/.test(mount.slice(0, mount.indexOf(' - '))));
    verdict.expect(writable.length === 0, `a mount can be written: ${writable.join(' | ')}`);
    const top = readdirSync(`/proc/${pid}/root/`);
    verdict.expect(
      !top.some((name) => ['etc', 'home', 'root', 'var', 'tmp', 'dev', 'sys'].includes(name)),
      `its root holds ${top.join(' ')}`,
    );
  }
}

const PLACES = [
  ['169.254.169.254', '80'],
  ['1.1.1.1', '53'],
  ['[fd00:ec2::254]', '80'],
  ['0.0.0.0', ''],
  ['127.0.0.1', ''],
] as const;

const networkFromInside: Row = {
  id: 'F2',
  title: 'TCP, UDP, DNS and the metadata address',
  event: null,
  async attack(stage, verdict) {
    const caught = await withTrap(async (trap) => {
      await Promise.all(
        PLACES.map(async ([host, port]) => {
          const query = { host, port: port === '' ? String(trap) : port, name: 'metadata.google.internal' };
          judge(verdict, await stage.probe('network', query));
        }),
      );
    });
    verdict.unharmed(caught.length === 0, `the host received ${caught.join(', ')}`);
    for (const { pid } of sandboxed(stage.server.pid).filter(({ pid }) => isInside(pid))) {
      const interfaces = readFileSync(`/proc/${pid}/net/dev`, 'utf8').trim().split('\n').slice(2);
      verdict.expect(
        interfaces.every((line) => line.trim().startsWith('lo:')),
        `it has the interfaces ${interfaces.join()}`,
      );
      verdict.expect(
        readFileSync(`/proc/${pid}/net/route`, 'utf8').trim().split('\n').length === 1,
        'it has a route',
      );
    }
  },
  twin: benign,
};

const processesFromInside: Row = {
  id: 'F7',
  title: 'processes, FFI, native addons and process bindings',
  event: null,
  async attack(stage, verdict) {
    const { pid } = stage.server;
    const known = new Set(sandboxed(pid).map((entry) => entry.pid));
    const outcomes = await stage.probe('powers');
    judge(verdict, outcomes);
    // The probe's own instance and refills of the pool are sandboxes too: what counts is what runs in them.
    const fresh = sandboxed(pid).filter((entry) => !known.has(entry.pid));
    for (const entry of fresh)
      verdict.unharmed(
        ['bwrap', 'deno', 'launcher', 'sh', 'setpriv', 'main', 'tokio-rt'].some((name) =>
          entry.name.startsWith(name),
        ),
        `a process ${entry.name} runs`,
      );
    for (const { id, pid: outer } of (await stage.status()).instances) {
      const count = sandboxed(pid).filter((entry) => isBelow(entry.pid, outer)).length;
      verdict.unharmed(count <= 3, `the instance ${id} has ${count} processes`);
    }
    verdict.note(`${Object.keys(outcomes).length} powers`);
  },
  twin: benign,
};

function isBelow(pid: number, ancestor: number): boolean {
  for (let current = pid; current > 1; current = processEntry(current)?.parent ?? 0)
    if (current === ancestor) return true;
  return false;
}

export const REACH_ROWS: readonly Row[] = [hostFiles, networkFromInside, processesFromInside];
