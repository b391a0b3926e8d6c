import { setTimeout as sleep } from 'node:timers/promises';
import { CordonServer } from './cordon-server.ts';
import { fillQueue } from './event-log.ts';
import { CORDON, type Measurement, type Result } from './measurement.ts';
import { rssMb } from './processes.ts';
import { fromRounds } from './statistics.ts';
import type { Workplace } from './workplace.ts';

export const GROWTH = 'events that wait for nobody, 1 KB: growth of the server over one with none';
const READY = '`cordon up`, events wait for nobody: exec to ready';
const MORE = 1000;
const RSS = 'server, events wait for nobody: RSS';
const RSS_MORE = `${RSS} once ${MORE} more were accepted`;
/** The same server with no events. */
const EMPTY = 'none wait';

const QUEUE = 'backlog';
const LANE = `queue:${QUEUE}`;
const BATCH = 100;
const POLL_MS = 5;
const DONE_MS_MAX = 600_000;

/** How the function that takes the messages gets them, as in `on` of a manifest. */
type Source = Readonly<Record<string, unknown>>;

const SENDER = `const bodies = Array.from({ length: ${BATCH} }, () => ({ body: 'x'.repeat(1024), contentType: 'text' }));
export default {
  async fetch(request, env) {
    for (let sent = 0; sent < ${MORE}; sent += ${BATCH}) await env.OUT.sendBatch(bodies);
    return Response.json({ sent: ${MORE} });
  },
};
`;
const SENDERS_APP = {
  name: 'senders',
  functions: {
    sender: {
      entry: 'main.js',
      routes: [{ path: '/senders', methods: ['GET'], auth: 'public' }],
      grants: { queue: { OUT: { queue: QUEUE, can: ['send'] } } },
    },
  },
};

function consumerApp(source: Source): { readonly name: string; readonly functions: object } {
  return {
    name: 'consumer',
    functions: { consumer: { entry: 'main.js', on: [{ queue: QUEUE, ...source }] } },
  };
}

const NO_OP = 'export default { async queue() {} };\n';
const THROWS = `export default { async queue() { throw new Error('broken'); } };\n`;

/** How fast a consumer that does nothing takes messages that have piled up, from when it is deployed. */
export const eventDrain: Measurement = {
  name: 'event-drain',
  about: 'a backlog of messages, and a consumer with batches of 100',
  async run(place) {
    const count = place.pick(100_000, 5000);
    const server = await startFilled(place, await CordonServer.start(place), count);
    const [, rate] = await Promise.all([
      server.deployApp(place, consumerApp({ batch: BATCH }), NO_OP),
      drained(server, count),
    ]);
    const name = `backlog of messages, 1 KB, batches of ${BATCH}: delivered`;
    return [fromRounds({ name, unit: 'events/s', subject: CORDON }, [rate.perSecond]), counted(name, count)];
  },
};

/** Messages whose one attempt failed, which a mended deployment gets again. They run one by one. */
export const eventReplay: Measurement = {
  name: 'event-replay',
  about: 'replay of dead letters',
  async run(place) {
    const count = place.pick(10_000, 500);
    const first = await CordonServer.start(place);
    const app = consumerApp({ attempts: 1 });
    await first.deployApp(place, app, THROWS);
    const server = await startFilled(place, first, count);
    await until(server, ({ dead }) => dead === count);
    await server.deployApp(place, app, NO_OP);
    const startedAt = performance.now();
    const replayed = await server.replay(LANE);
    if (replayed !== count) throw new Error(`Of ${count} dead letters ${replayed} were replayed.`);
    await until(server, ({ waiting, dead }) => waiting === 0 && dead === 0);
    const seconds = (performance.now() - startedAt) / 1000;
    const name = 'replay of dead letters, one by one';
    return [
      fromRounds({ name: `${name}: until all are delivered`, unit: 's', subject: CORDON }, [seconds]),
      fromRounds({ name: `${name}: delivered`, unit: 'events/s', subject: CORDON }, [count / seconds]),
      counted(name, count),
    ];
  },
};

/** Memory and start of a server whose log is large. The log is filled while the server is stopped. */
export const eventMemory: Measurement = {
  name: 'event-memory',
  about: 'memory of a server whose log holds a million events',
  async run(place) {
    const count = place.pick(1_000_000, 50_000);
    const first = await CordonServer.start(place);
    await first.deployApp(place, SENDERS_APP, SENDER);
    await first.process.stop();
    const empty = await starts(place, first);
    await fillQueue(first, QUEUE, count);
    const full = await starts(place, first);
    const growth = full.map(({ more }, round) => more - (empty[round]?.more ?? more));
    return [
      fromRounds({ name: GROWTH, unit: 'MB', subject: CORDON }, growth),
      ...(
        [
          [full, CORDON],
          [empty, EMPTY],
        ] as const
      ).flatMap(([rounds, subject]) => resultsOf(rounds, subject)),
      counted('events that wait for nobody', count),
    ];
  },
};

interface Start {
  readonly readyMs: number;
  /** RSS in MB, before and after more was accepted. */
  readonly rss: number;
  readonly more: number;
}

async function starts(place: Workplace, { home }: CordonServer): Promise<Start[]> {
  const rounds: Start[] = [];
  for (let round = 0; round < place.pick(3, 1); round += 1) {
    const startedAt = performance.now();
    const server = await CordonServer.start(place, { home });
    const readyMs = performance.now() - startedAt;
    await server.warm();
    await sleep(place.pick(2000, 200));
    const rss = rssMb(server.pid);
    await server.json('/senders');
    rounds.push({ readyMs, rss, more: rssMb(server.pid) });
    await server.process.stop();
  }
  return rounds;
}

function resultsOf(rounds: readonly Start[], subject: string): Result[] {
  const of = (name: string, unit: Result['unit'], value: (start: Start) => number): Result =>
    fromRounds({ name, unit, subject }, rounds.map(value));
  return [
    of(READY, 'ms', ({ readyMs }) => readyMs),
    of(RSS, 'MB', ({ rss }) => rss),
    of(RSS_MORE, 'MB', ({ more }) => more),
  ];
}

function counted(name: string, count: number): Result {
  return fromRounds({ name: `${name}: events`, unit: 'count', subject: CORDON }, [count]);
}

/** Stops a server, fills its queue, and starts it again. */
async function startFilled(place: Workplace, server: CordonServer, count: number): Promise<CordonServer> {
  await server.process.stop();
  await fillQueue(server, QUEUE, count);
  const started = await CordonServer.start(place, { home: server.home });
  await started.warm();
  return started;
}

/** From when the first has left the lane until none is left. */
async function drained(server: CordonServer, count: number): Promise<{ readonly perSecond: number }> {
  const { waiting } = await until(server, (lane) => lane.waiting < count);
  const startedAt = performance.now();
  await until(server, (lane) => lane.waiting === 0);
  if (waiting === 0) throw new Error('The backlog was gone before it was seen to shrink.');
  return { perSecond: waiting / ((performance.now() - startedAt) / 1000) };
}

type Lane = Awaited<ReturnType<CordonServer['lane']>>;

async function until(server: CordonServer, is: (lane: Lane) => boolean): Promise<Lane> {
  const deadline = performance.now() + DONE_MS_MAX;
  for (;;) {
    const lane = await server.lane(LANE);
    if (is(lane)) return lane;
    if (performance.now() > deadline) throw new Error(`Events stand still: ${JSON.stringify(lane)}`);
    await sleep(POLL_MS);
  }
}
