import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from './connection.ts';
import { CordonServer } from './cordon-server.ts';
import { LoadGenerator, type OpenResult } from './load.ts';
import { CORDON, type Measurement, type Result } from './measurement.ts';
import { fromRounds, fromSamples, median } from './statistics.ts';
import type { Workplace } from './workplace.ts';

export const KNOWN_LATENCY = 'known callers in a flood: latency';
export const KNOWN_FAILED = 'known callers in a flood: not served';
export const ACCEPTED = 'in a flood: served to all callers';
/** Subjects that the time of the flood is compared with. */
export const BEFORE = 'before it';
const FIRST_SECOND = 'in its first second';
const AFTER = 'after it';
export const CAPACITY = 'capacity';

const BUSY_MS = 5;
const KNOWN_CONNECTIONS = 4;
const KNOWN_SHARE = 0.2;
const FLOOD_CONNECTIONS = 500;
const FLOOD_FACTOR = 3;
const CAPACITY_CONNECTIONS = 8;
const FIRST_MS = 1000;
const OK = 200;

const SOURCE = `export default {
  fetch() {
    const until = performance.now() + ${BUSY_MS};
    while (performance.now() < until);
    return new Response('done');
  },
};
`;
const MANIFEST = {
  name: 'flood',
  auth: { apiKey: { keys: {} } },
  functions: {
    busy: {
      entry: 'main.js',
      routes: [
        { path: '/flood/known', methods: ['GET'], auth: { apiKey: 'keys' } },
        { path: '/flood/public', methods: ['GET'], auth: 'public' },
      ],
      limits: { instances: 1, concurrency: 8 },
    },
  },
};

/**
 * Callers with an API key at a fifth of what a function can do, while anonymous callers ask three times as much
 * of it as it can. The function is busy for a fixed time, so that its capacity does not depend on the machine.
 */
export const flood: Measurement = {
  name: 'flood',
  about: `a flood of ${FLOOD_FACTOR} times the capacity, and those who are known`,
  async run(place) {
    const server = await CordonServer.start(place);
    const known = { ...target(server, 'known'), headers: { 'x-api-key': await deploy(place, server) } };
    const capacity = await capacityOf(place, known);
    const generator = new LoadGenerator();
    place.defer(() => generator.close());
    const calmMs = place.pick(6000, 1200);
    const floodMs = place.pick(12_000, 2500);
    const callers = place.load.runOpen({
      ...known,
      connections: KNOWN_CONNECTIONS,
      requestsPerSecond: capacity * KNOWN_SHARE,
      durationMs: calmMs + floodMs + calmMs,
    });
    await sleep(calmMs);
    const flooding = generator.runOpen({
      ...target(server, 'public'),
      connections: FLOOD_CONNECTIONS,
      requestsPerSecond: capacity * FLOOD_FACTOR,
      durationMs: floodMs,
    });
    const [ofKnown, ofFlood] = await Promise.all([callers, flooding]);
    return resultsOf(ofKnown, ofFlood, floodMs, capacity);
  },
};

function target({ port }: CordonServer, route: string): Target {
  return { port, method: 'GET', path: `/flood/${route}`, bodyBytes: 0 };
}

/** Returns an API key for the route of those who are known. */
async function deploy(place: Workplace, { home }: CordonServer): Promise<string> {
  const folder = await place.newFolder('flood');
  await writeFile(join(folder, 'main.js'), SOURCE);
  await writeFile(join(folder, 'cordon.jsonc'), JSON.stringify(MANIFEST));
  await home.json('deploy', folder);
  const [made] = await home.json('key', 'create', '--app', 'flood', '--auth', 'keys', '--name', 'bench');
  return (made as { readonly key: string }).key;
}

/** Requests a second, when there is always one to do. */
async function capacityOf(place: Workplace, known: Target): Promise<number> {
  const order = { ...known, connections: CAPACITY_CONNECTIONS };
  await place.load.run({ ...order, durationMs: place.pick(500, 200) });
  const rounds: number[] = [];
  for (let round = 0; round < place.pick(3, 1); round += 1) {
    const { requests, seconds } = await place.load.run({ ...order, durationMs: place.pick(1000, 500) });
    rounds.push(requests / seconds);
  }
  return median(rounds);
}

interface Sample {
  /** ms after the start of the flood. */
  readonly at: number;
  readonly latencyMs: number;
  readonly status: number;
}

function samplesOf({ startedAt, samples }: OpenResult, floodAt: number): Sample[] {
  return samples.dueMs.map((due, index) => ({
    at: startedAt + due - floodAt,
    latencyMs: samples.latencyMs[index] ?? 0,
    status: samples.status[index] ?? 0,
  }));
}

function resultsOf(known: OpenResult, flooding: OpenResult, floodMs: number, capacity: number): Result[] {
  const ofKnown = samplesOf(known, flooding.startedAt);
  const ofFlood = samplesOf(flooding, flooding.startedAt);
  const between = (samples: readonly Sample[], from: number, to: number): Sample[] =>
    samples.filter(({ at }) => at >= from && at < to);
  const phases: readonly (readonly [string, Sample[]])[] = [
    [CORDON, between(ofKnown, FIRST_MS, floodMs)],
    [BEFORE, between(ofKnown, Number.NEGATIVE_INFINITY, 0)],
    [FIRST_SECOND, between(ofKnown, 0, FIRST_MS)],
    [AFTER, between(ofKnown, floodMs, Number.POSITIVE_INFINITY)],
  ];
  const steady = between([...ofKnown, ...ofFlood], FIRST_MS, floodMs);
  const served = steady.filter(({ status }) => status === OK).length / ((floodMs - FIRST_MS) / 1000);
  return [
    ...phases.flatMap(([subject, samples]) => latencyOf(subject, samples)),
    ...phases.map(([subject, samples]) => share(KNOWN_FAILED, subject, samples, (status) => status !== OK)),
    fromRounds({ name: ACCEPTED, unit: 'requests/s', subject: CORDON }, [served]),
    fromRounds({ name: ACCEPTED, unit: 'requests/s', subject: CAPACITY }, [capacity]),
    ...[OK, 429, 503].map((wanted) =>
      share(`the flood: answered with ${wanted}`, CORDON, ofFlood, (status) => status === wanted),
    ),
    share('the flood: anything else', CORDON, ofFlood, (status) => ![OK, 429, 503].includes(status)),
  ];
}

/** Of those that were served; nothing where none was. */
function latencyOf(subject: string, samples: readonly Sample[]): Result[] {
  const served = samples.filter(({ status }) => status === OK).map(({ latencyMs }) => latencyMs);
  return served.length === 0 ? [] : [fromSamples({ name: KNOWN_LATENCY, unit: 'ms', subject }, served)];
}

function share(
  name: string,
  subject: string,
  samples: readonly Sample[],
  counts: (status: number) => boolean,
): Result {
  const counted = samples.filter(({ status }) => counts(status)).length;
  const percent = samples.length === 0 ? 0 : (100 * counted) / samples.length;
  return { name, unit: '%', subject, median: percent, p90: null, p99: null, runs: samples.length };
}
