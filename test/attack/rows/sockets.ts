import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { Keeper } from '../keeper.ts';
import { benign, isInside, judge } from '../probes.ts';
import { sandboxed } from '../processes.ts';
import type { Row, Verdict } from '../row.ts';
import { errorOf, type Stage } from '../stage.ts';

/** Where a runtime or a system shows the descriptors and the memory of a process. */
const PLACES = [
  '/dev/fd/3',
  '/proc/self/fd/3',
  '/proc/1/fd/3',
  '/proc/2/fd/3',
  '/proc/2/mem',
  '/proc/2/net/unix',
  '/proc/thread-self/fd/3',
];

/** Inodes of the sockets that a process holds. */
function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    const inode = /^socket:\[(\d+)\]$/.exec(safeLink(`/proc/${pid}/fd/${fd}`))?.[1];
    return inode === undefined ? [] : [inode];
  });
}

function safeLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** What the kernel says: no two sandboxes have a socket in common, and none has a name or a file of the host. */
function lookFromOutside(stage: Stage, verdict: Verdict): number {
  const inside = sandboxed(stage.server.pid).filter(({ pid }) => isInside(pid));
  const holders = new Map<string, number>();
  for (const { pid } of inside) {
    for (const inode of new Set(socketsOf(pid))) {
      const other = holders.get(inode);
      verdict.unharmed(other === undefined, `processes ${pid} and ${other} share a socket`);
      holders.set(inode, pid);
    }
    const names = readFileSync(`/proc/${pid}/net/unix`, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(/\s+/)[7] ?? '');
    verdict.expect(
      names.every((name) => name === ''),
      `a named socket is in its namespace: ${names.join(' ')}`,
    );
    const files = readdirSync(`/proc/${pid}/fd`)
      .map((fd) => safeLink(`/proc/${pid}/fd/${fd}`))
      .filter((target) => target.startsWith('/') && !target.startsWith('/dev/'));
    verdict.expect(
      files.every((target) => !target.includes(stage.home.folder)),
      `it holds ${files.join(' ')}`,
    );
  }
  return inside.length;
}

/** Writes to everything that could be somebody's channel, and looks at how the others fare. */
async function intrude(stage: Stage, verdict: Verdict, from: 'probe' | 'probe-granted'): Promise<void> {
  const keeper = await Keeper.of(stage);
  await keeper.stores(['KEEPER_STORE', 'put', 'intruded', 'mine']);
  const before = await stage.lastEvent();
  const others = (await stage.status()).instances.filter((one) => one.function !== from);
  // It may end the attacker's own instance: its runtime has descriptors too.
  const { status, text } = await stage.call(`/attacker/${from}/intrude`);
  verdict.expect(
    status === 200 || errorOf(text).code === 'CORDON_FUNCTION_CRASHED',
    `writing to descriptors from ${from}: ${status} ${text.slice(0, 200)}`,
  );
  const alive = new Set((await stage.status()).instances.map(({ id }) => id));
  for (const { id, app, function: name } of others)
    verdict.unharmed(alive.has(id), `${app}/${name} lost its instance when ${from} wrote to its descriptors`);
  const ids = new Set(others.map(({ id }) => id));
  for (const { kind, instance } of await stage.events(before))
    verdict.unharmed(
      kind !== 'channel.violation' || !ids.has(instance ?? ''),
      `frames of ${from} arrived on the channel of ${instance}`,
    );
  const [value] = await keeper.stores(['KEEPER_STORE', 'get', 'intruded']);
  verdict.unharmed(value?.value === 'mine', `another instance's value is now ${JSON.stringify(value)}`);
}

const otherSockets: Row = {
  id: 'F11',
  title: 'sockets and descriptors of another instance, with and without grants',
  event: null,
  async attack(stage, verdict) {
    // Instances with grants on both sides: those who look, and those who have what is looked for.
    const keeper = await Keeper.of(stage);
    await keeper.stores();
    for (const from of ['probe', 'probe-granted'] as const) {
      judge(verdict, await stage.probe('descriptors', {}, from));
      judge(verdict, await stage.probe('unix', {}, from));
      for (const path of PLACES) judge(verdict, await stage.probe('read', { path }, from));
      await intrude(stage, verdict, from);
    }
    for (const from of ['probe', 'probe-granted'] as const) await stage.probe('benign', {}, from);
    const compared = lookFromOutside(stage, verdict);
    verdict.expect(compared >= 4, 'fewer than four sandboxes to compare');
    const holding = (await stage.status()).instances.map((one) => `${one.app}/${one.function}`);
    for (const name of ['keeper/stores', 'attacker/probe-granted'])
      verdict.expect(holding.includes(name), `${name} does not run`);
    verdict.note(`${compared} sandboxes compared`);
  },
  async twin(stage) {
    await benign(stage);
    const keeper = await Keeper.of(stage);
    const [put, got] = await keeper.stores(
      ['KEEPER_STORE', 'put', 'own', 'mine'],
      ['KEEPER_STORE', 'get', 'own'],
    );
    if (put?.error !== undefined || got?.value !== 'mine')
      throw new Error(`an instance's own channel does not work: ${JSON.stringify([put, got])}`);
  },
};

export const SOCKET_ROWS: readonly Row[] = [otherSockets];
