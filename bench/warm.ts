import { join } from 'node:path';
import { CordonServer } from './cordon-server.ts';
import type { Target } from './connection.ts';
import { CORDON, type Measurement, type Result } from './measurement.ts';
import { cpuMicrosOf, processTree } from './processes.ts';
import { fromRounds, median, quantile } from './statistics.ts';
import {
  denoHello,
  functionsHello,
  loadSubject,
  nodeHello,
  startPeer,
  undiciProxy,
  workerdWith,
  type Launch,
  type LoadSubject,
  type Peer,
} from './subject.ts';
import type { Workplace } from './workplace.ts';
import { readFile } from 'node:fs/promises';

export const UNDICI_PROXY = 'undici proxy';
export const WORKERD_HELLO = 'workerd';

const LARGE_BYTES = 65_536;
const CONNECTIONS = [1, 32];

interface Scenario {
  readonly label: string;
  readonly method: Target['method'];
  readonly path: string;
  readonly bodyBytes: number;
}

const SCENARIOS: readonly Scenario[] = [
  { label: 'GET 100 B', method: 'GET', path: '/small', bodyBytes: 0 },
  { label: 'GET 64 KiB', method: 'GET', path: '/large', bodyBytes: 0 },
  { label: 'POST 100 B', method: 'POST', path: '/small', bodyBytes: 100 },
  { label: 'POST 64 KiB', method: 'POST', path: '/small', bodyBytes: LARGE_BYTES },
];

/** What one subject did in one round. */
interface Round {
  readonly throughput: number;
  readonly latencies: Float64Array;
  readonly frontMicros: number;
  readonly totalMicros: number;
}

/** Name of a warm measurement, for the budgets. */
export function warmName(scenario: string, connections: number, what: string): string {
  return `${scenario}, ${connections} ${connections === 1 ? 'connection' : 'connections'}: ${what}`;
}

/**
 * Throughput, latency and CPU of a request to a function that runs already. Rounds alternate between the
 * subjects, so that what the machine does meanwhile meets all of them alike.
 */
export const warm: Measurement = {
  name: 'warm',
  about: 'warm requests: throughput, latency, CPU',
  async run(place) {
    const subjects = await startSubjects(place);
    const results: Result[] = [];
    for (const connections of CONNECTIONS)
      for (const scenario of SCENARIOS)
        results.push(...(await measureScenario(place, subjects, scenario, connections)));
    return results;
  },
};

async function startSubjects(place: Workplace): Promise<LoadSubject[]> {
  const start = async (launch: Launch): Promise<Peer> => {
    const peer = await startPeer(launch);
    place.defer(() => peer.stop());
    return peer;
  };
  const hello = await readFile(join(import.meta.dirname, 'peers/worker-hello.mjs'), 'utf8');
  const socket = join(await place.newFolder('deno'), 'socket');
  const deno = await start(denoHello(socket));
  return [
    await startCordon(place, hello),
    loadSubject('node:http', await start(nodeHello())),
    loadSubject(UNDICI_PROXY, await start(undiciProxy(socket)), [deno]),
    loadSubject(WORKERD_HELLO, await start(await workerdWith(await place.newFolder('workerd'), hello))),
    loadSubject('functions-framework', await start(functionsHello())),
  ];
}

async function startCordon(place: Workplace, hello: string): Promise<LoadSubject> {
  const server = await CordonServer.start(place);
  await server.deploy(place, 'warm', { hello }, { concurrency: 64, instances: 1 });
  return {
    name: CORDON,
    port: server.port,
    prefix: '/warm/hello',
    front: () => [server.pid],
    all: () => processTree(server.pid),
  };
}

async function measureScenario(
  place: Workplace,
  subjects: readonly LoadSubject[],
  scenario: Scenario,
  connections: number,
): Promise<Result[]> {
  const rounds = new Map<LoadSubject, Round[]>(subjects.map((subject) => [subject, []]));
  for (const subject of subjects)
    await runRound(place, subject, scenario, connections, place.pick(1000, 200));
  for (let round = 0; round < place.pick(5, 2); round += 1) {
    for (const [subject, done] of rounds)
      done.push(await runRound(place, subject, scenario, connections, place.pick(1500, 300)));
  }
  const named = (what: string): string => warmName(scenario.label, connections, what);
  return subjects.flatMap((subject): Result[] => {
    const own = rounds.get(subject) ?? [];
    const of = (pick: (round: Round) => number): number[] => own.map(pick);
    const { name } = subject;
    return [
      fromRounds(
        { name: named('throughput'), unit: 'requests/s', subject: name },
        of(({ throughput }) => throughput),
      ),
      {
        name: named('latency'),
        unit: 'ms',
        subject: name,
        median: median(of(({ latencies }) => median(latencies))),
        p90: median(of(({ latencies }) => quantile(latencies, 0.9))),
        p99: median(of(({ latencies }) => quantile(latencies, 0.99))),
        runs: own.length,
      },
      fromRounds(
        { name: named('CPU of the front'), unit: 'µs', subject: name },
        of(({ frontMicros }) => frontMicros),
      ),
      fromRounds(
        { name: named('CPU of all'), unit: 'µs', subject: name },
        of(({ totalMicros }) => totalMicros),
      ),
    ];
  });
}

async function runRound(
  place: Workplace,
  subject: LoadSubject,
  scenario: Scenario,
  connections: number,
  durationMs: number,
): Promise<Round> {
  const front = subject.front();
  const all = subject.all();
  const before = [cpuMicrosOf(front), cpuMicrosOf(all)] as const;
  const { method, bodyBytes } = scenario;
  const path = subject.prefix + scenario.path;
  const { requests, seconds, latencies } = await place.load.run({
    port: subject.port,
    method,
    path,
    bodyBytes,
    connections,
    durationMs,
  });
  return {
    throughput: requests / seconds,
    latencies,
    frontMicros: (cpuMicrosOf(front) - before[0]) / requests,
    totalMicros: (cpuMicrosOf(all) - before[1]) / requests,
  };
}
