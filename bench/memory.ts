import { setTimeout as sleep } from 'node:timers/promises';
import { makeCode, withId } from './code.ts';
import { timeToFirstByte } from './connection.ts';
import { CordonServer } from './cordon-server.ts';
import { CORDON, type Measurement, type Result } from './measurement.ts';
import { processTree, programName, pssMb, rssMb } from './processes.ts';
import { fromRounds, fromSamples } from './statistics.ts';
import { denoFunction, functionsHello, startPeer, workerdWith, type Launch } from './subject.ts';
import type { Workplace } from './workplace.ts';

export const IDLE_INSTANCE = 'idle instance that has served one request: PSS';
export const AT_REST = 'a deployed function at rest: growth of the server';

/** The outermost process of a sandbox. */
const SANDBOX = 'bwrap';
const KB_PER_MB = 1000;

/** Memory of instances that wait, and of functions that are deployed and do not run. */
export const memory: Measurement = {
  name: 'memory',
  about: 'memory of idle instances and of functions at rest',
  async run(place) {
    return [...(await idleInstances(place)), ...(await functionsAtRest(place))];
  },
};

async function idleInstances(place: Workplace): Promise<Result[]> {
  const count = place.pick(20, 4);
  const idleMs = place.pick(10_000, 1000);
  const { tiny } = makeCode(place.folder);
  const server = await CordonServer.start(place);
  const fleet = await server.deployFleet(place, 'idle', tiny, count);
  for (const target of fleet.take(count)) await timeToFirstByte(target);
  await server.warm();
  await sleep(idleMs);
  const { instances } = await server.status();
  const trees = instances.map(({ pid }) => processTree(pid));
  const used = new Set(instances.map(({ pid }) => pid));
  const anonymous = processTree(server.pid).filter((pid) => programName(pid) === SANDBOX && !used.has(pid));
  const results = [
    fromSamples(
      { name: IDLE_INSTANCE, unit: 'MB', subject: CORDON },
      trees.map((pids) => sum(pids.map(pssMb))),
    ),
    fromRounds({ name: 'server without its sandboxes: RSS', unit: 'MB', subject: CORDON }, [
      rssMb(server.pid),
    ]),
  ];
  if (anonymous.length > 0) {
    const sizes = anonymous.map((pid) => sum(processTree(pid).map(pssMb)));
    results.push(
      fromSamples({ name: 'anonymous sandbox in the pool: PSS', unit: 'MB', subject: CORDON }, sizes),
    );
  }
  await server.process.stop();
  const peers: [string, Launch][] = [
    ['deno run', await denoFunction(await place.newFolder('deno'), withId(tiny, 0))],
    ['workerd process', await workerdWith(await place.newFolder('workerd'), withId(tiny, 0))],
    ['functions-framework process', functionsHello()],
  ];
  for (const [subject, launch] of peers) {
    const samples = await idlePeers(launch, subject.startsWith('functions') ? 1 : place.pick(4, 2), idleMs);
    results.push(fromSamples({ name: IDLE_INSTANCE, unit: 'MB', subject }, samples));
  }
  return results;
}

/** Several at once, as they share pages. */
async function idlePeers(launch: Launch, count: number, idleMs: number): Promise<number[]> {
  const peers = [];
  try {
    for (let index = 0; index < count; index += 1) {
      const peer = await startPeer(launch);
      peers.push(peer);
      await timeToFirstByte({ port: peer.port, method: 'GET', path: '/', bodyBytes: 0 });
    }
    await sleep(idleMs);
    return peers.map(({ pid }) => sum(processTree(pid).map(pssMb)));
  } finally {
    for (const peer of peers) await peer.stop();
  }
}

/** The server is started anew before each look, so that what a deploy left behind does not count. */
async function functionsAtRest(place: Workplace): Promise<Result[]> {
  const apps = place.pick(5, 2);
  const perApp = place.pick(200, 10);
  const { tiny } = makeCode(place.folder);
  const first = await CordonServer.start(place);
  const { home } = first;
  await first.process.stop();
  const before = await rssAfterStart(place, first);
  const deploying = await CordonServer.start(place, { home });
  for (let app = 0; app < apps; app += 1) await deploying.deployFleet(place, `rest${app}`, tiny, perApp);
  await deploying.process.stop();
  const after = await rssAfterStart(place, first);
  const count = apps * perApp;
  const growth = after.map((rss, round) => ((rss - (before[round] ?? rss)) * KB_PER_MB) / count);
  return [
    fromRounds({ name: AT_REST, unit: 'KB', subject: CORDON }, growth),
    fromRounds({ name: `server with ${count} functions at rest: RSS`, unit: 'MB', subject: CORDON }, after),
    fromRounds({ name: 'server with no functions: RSS', unit: 'MB', subject: CORDON }, before),
  ];
}

async function rssAfterStart(place: Workplace, { home }: CordonServer): Promise<number[]> {
  const samples: number[] = [];
  for (let round = 0; round < place.pick(5, 2); round += 1) {
    const server = await CordonServer.start(place, { home });
    await server.warm();
    await sleep(place.pick(2000, 200));
    samples.push(rssMb(server.pid));
    await server.process.stop();
  }
  return samples;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
