import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { CordonServer } from './cordon-server.ts';
import { EVENT_BYTES } from './event-log.ts';
import type { LoadOrder } from './load.ts';
import { CORDON, type Measurement, type Result } from './measurement.ts';
import { fromRounds, fromSamples } from './statistics.ts';
import type { Workplace } from './workplace.ts';

const SENDERS = 32;
const BATCH = 20;
const ACCEPTED = 202;
/** The server says so when it is late; a sender is then right to send again. */
const SHED = 503;
const ROUND_MS_MAX = 300_000;
const RATE = 100;
const WARM_SECONDS = 2;
const ANSWERED_WAIT_MS = 30_000;
const ANSWERED_PAUSE_MS = 50;

export const ACCEPTED_BATCHED = intakeName(`in batches of ${BATCH}`, 'accepted');
export const TO_HANDLER = `event at ${RATE}/s, acknowledged to the start of its handler`;
const SENT_TO_HANDLER = `event at ${RATE}/s, sent to the start of its handler`;
/** The same route, while a handler that does nothing takes the events. */
const DELIVERED = 'delivered meanwhile';

function intakeName(how: string, what: string): string {
  return `events over HTTP, 1 KB, ${SENDERS} senders, ${how}: ${what}`;
}

/** `held` takes an event and keeps it, so that what is measured there is acceptance alone. */
const SOURCE = `const startedAt = {};

export default {
  async fetch() {
    return Response.json(startedAt);
  },
  async event({ id }, env) {
    const now = Date.now();
    if (env.KIND === 'noted') startedAt[id] = now;
    if (env.KIND === 'held') await new Promise((resolve) => setTimeout(resolve, 4000));
  },
};
`;

const MANIFEST = {
  name: 'bench',
  auth: { apiKey: { senders: {} } },
  functions: Object.fromEntries(
    ['held', 'free', 'noted'].map((kind) => [
      kind,
      {
        entry: 'main.js',
        routes: [
          {
            path: `/bench/${kind}`,
            methods: ['POST'],
            auth: { apiKey: 'senders' },
            deliver: 'cloudevents',
          },
          { path: `/bench/${kind}/notes`, methods: ['GET'], auth: 'public' },
        ],
        vars: { KIND: kind },
        limits: { instances: 1, time: '10s', ...(kind === 'held' ? { concurrency: 1 } : {}) },
      },
    ]),
  ),
};

const notesSchema = z.record(z.string(), z.number());
type Variants = NonNullable<LoadOrder['variants']>;

/** Events through a whole server: what it makes durable a second, and how soon a warm handler has one. */
export const eventIntake: Measurement = {
  name: 'event-intake',
  about: 'acceptance of events over HTTP, with fsync, and the time to their handler',
  async run(place) {
    const server = await CordonServer.start(place);
    await server.deployApp(place, MANIFEST, SOURCE);
    const key = await senderKey(server);
    // First: what is accepted below waits in its lanes from then on.
    const latencies = await toHandler(place, server, key);
    return [
      ...(await accepted(place, server, key, {
        how: 'one by one',
        size: 1,
        count: place.pick(10_000, 1000),
      })),
      ...(await accepted(place, server, key, {
        how: `in batches of ${BATCH}`,
        size: BATCH,
        count: place.pick(40_000, 4000),
      })),
      ...latencies,
    ];
  },
};

async function senderKey({ home }: CordonServer): Promise<string> {
  const [made] = await home.json('key', 'create', '--app', 'bench', '--auth', 'senders', '--name', 'bench');
  return (made as { readonly key: string }).key;
}

interface Intake {
  readonly how: string;
  /** Events of one request. */
  readonly size: number;
  /** Events of one round. */
  readonly count: number;
}

interface Round {
  /** Events a second. */
  readonly rate: number;
  /** CPU of the server for an event. */
  readonly micros: number;
  /** Requests that were sent again, in percent of all. */
  readonly shed: number;
}

async function accepted(
  place: Workplace,
  server: CordonServer,
  key: string,
  { how, size, count }: Intake,
): Promise<Result[]> {
  const send = async (kind: 'held' | 'free'): Promise<Round> => {
    const { requests, retried, seconds, cpuMicros } = await place.load.run({
      port: server.port,
      method: 'POST',
      path: `/bench/${kind}`,
      bodyBytes: 0,
      headers: { 'x-api-key': key },
      connections: SENDERS,
      durationMs: ROUND_MS_MAX,
      variants: requestsOf(count / size, size),
      status: ACCEPTED,
      retryStatus: SHED,
      pids: [server.pid],
    });
    return {
      rate: (requests * size) / seconds,
      micros: cpuMicros / (requests * size),
      shed: (100 * retried) / (requests + retried),
    };
  };
  const results: Result[] = [];
  const shed: number[] = [];
  for (const [kind, subject] of [
    ['held', CORDON],
    ['free', DELIVERED],
  ] as const) {
    await send(kind);
    const rounds: Round[] = [];
    for (let round = 0; round < place.pick(5, 2); round += 1) rounds.push(await send(kind));
    shed.push(...rounds.map((one) => one.shed));
    results.push(
      fromRounds(
        { name: intakeName(how, 'accepted'), unit: 'events/s', subject },
        rounds.map(({ rate }) => rate),
      ),
      fromRounds(
        { name: intakeName(how, 'CPU of the server for an event'), unit: 'µs', subject },
        rounds.map(({ micros }) => micros),
      ),
    );
  }
  const name = intakeName(how, 'sent again after 503');
  // The most of any round: it is 0 while the machine has time for the server.
  return [...results, fromRounds({ name, unit: '%', subject: CORDON }, [Math.max(...shed)])];
}

function requestsOf(count: number, size: number): Variants {
  return Array.from({ length: count }, () => (size === 1 ? single(randomUUID()) : batch(size)));
}

/** In binary mode. */
function single(id: string): { headers: Record<string, string>; body: { type: string; text: string } } {
  const headers = { 'ce-specversion': '1.0', 'ce-id': id, 'ce-source': '/bench', 'ce-type': 'bench.event' };
  return { headers, body: { type: 'text/plain', text: 'x'.repeat(EVENT_BYTES) } };
}

function batch(size: number): Variants[number] {
  const events = Array.from({ length: size }, () => ({
    specversion: '1.0',
    id: randomUUID(),
    source: '/bench',
    type: 'bench.event',
    datacontenttype: 'text/plain',
    data: 'x'.repeat(EVENT_BYTES),
  }));
  return { body: { type: 'application/cloudevents-batch+json', text: JSON.stringify(events) } };
}

/** Events at a rate; sender and handler look at the same clock, which counts in ms. */
async function toHandler(place: Workplace, server: CordonServer, key: string): Promise<Result[]> {
  const sent = new Map<string, { readonly at: number; readonly acknowledgedAt: number }>();
  const send = async (id: string): Promise<void> => {
    const { headers, body } = single(id);
    const at = Date.now();
    const response = await fetch(`${server.process.gatewayUrl}/bench/noted`, {
      method: 'POST',
      headers: { ...headers, 'x-api-key': key, 'content-type': body.type },
      body: body.text,
    });
    const acknowledgedAt = Date.now();
    if (response.status !== ACCEPTED) throw new Error(`An event was answered with ${response.status}.`);
    await response.arrayBuffer();
    sent.set(id, { at, acknowledgedAt });
  };
  const sendMany = async (count: number): Promise<void> => {
    const sending: Promise<void>[] = [];
    const startedAt = performance.now();
    for (let index = 0; index < count; index += 1) {
      const wait = startedAt + (index * 1000) / RATE - performance.now();
      if (wait > 0) await sleep(wait);
      sending.push(send(randomUUID()));
    }
    await Promise.all(sending);
  };
  await sendMany(RATE * WARM_SECONDS);
  sent.clear();
  await sendMany(RATE * place.pick(30, 3));
  const notes = await notesOf(server, [...sent.keys()]);
  const samples = [...sent].map(([id, { at, acknowledgedAt }]) => {
    const startedAt = notes[id] ?? Number.POSITIVE_INFINITY;
    // It may start before its sender has read that it was acknowledged.
    return { acknowledged: Math.max(0, startedAt - acknowledgedAt), sent: startedAt - at };
  });
  return [
    fromSamples(
      { name: TO_HANDLER, unit: 'ms', subject: CORDON },
      samples.map(({ acknowledged }) => acknowledged),
    ),
    fromSamples(
      { name: SENT_TO_HANDLER, unit: 'ms', subject: CORDON },
      samples.map(({ sent: all }) => all),
    ),
  ];
}

/** When the handlers started, once all have. */
async function notesOf(server: CordonServer, ids: readonly string[]): Promise<Record<string, number>> {
  const deadline = performance.now() + ANSWERED_WAIT_MS;
  for (;;) {
    const notes = notesSchema.parse(await server.json('/bench/noted/notes'));
    if (ids.every((id) => notes[id] !== undefined)) return notes;
    if (performance.now() > deadline) throw new Error('Not every event came to its handler.');
    await sleep(ANSWERED_PAUSE_MS);
  }
}
