import { z } from 'zod';
import { LIMITS, Secret, systemClock } from '../src/contract/index.ts';
import { PROJECT } from '../src/control/index.ts';
import { AccessSigner } from '../src/s3/index.ts';
import { CordonServer } from './cordon-server.ts';
import type { LoadResult } from './load.ts';
import { CORDON, type Measurement, type Result } from './measurement.ts';
import { fromRounds, fromSamples } from './statistics.ts';
import { nodeFiles, startPeer } from './subject.ts';
import type { Workplace } from './workplace.ts';

const BUCKET = 'bench';
/** A bucket whose objects are looked into, as a function is told of them. */
const WATCHED = 'watched';
const SMALL_BYTES = 1000;
const LARGE_BYTES = 100_000_000;
const BYTES_PER_MB = 1e6;
const IN_FLIGHT = 32;
/** Half of the inspections that a server does at one time; who sends more than that is told to slow down. */
const INSPECTED_IN_FLIGHT = LIMITS.uploadInspectionsMax.value / 2;
const ROUND_MS_MAX = 300_000;
const EXPIRES_MS = 24 * 3600 * 1000;

const NODE_FILES = 'node:http and files';
const INSPECTED = 'cordon, uploads inspected';

const APP = {
  name: 'watch',
  functions: {
    watcher: { entry: 'main.js', on: [{ upload: WATCHED, types: ['text/plain'], max: '1MiB' }] },
  },
};
const SOURCE = 'export default { async event() {} };\n';
const madeSchema = z.object({ id: z.string(), secret: z.string() });

type Method = 'GET' | 'PUT';
type SignerKeys = ConstructorParameters<typeof AccessSigner>[0]['keys'];
type Presign = (method: Method, bucket: string, key: string) => Promise<string>;

/** Where objects are put and fetched. */
interface Subject {
  readonly name: string;
  readonly port: number;
  /** Target of the request for an object. What is signed is signed here, before the clock runs. */
  path(method: Method, key: string): Promise<string>;
}

/** Objects through the endpoint, by a client that has signed its requests, beside a server of files that checks and seals nothing. */
export const s3: Measurement = {
  name: 's3',
  about: 'the S3 endpoint: objects of 1 KB and of 100 MB',
  async run(place) {
    const server = await CordonServer.start(place);
    await server.deployApp(place, APP, SOURCE);
    const presign = await presigner(server);
    const peer = await startPeer(nodeFiles(await place.newFolder('files')));
    place.defer(() => peer.stop());
    const port = Number(new URL(server.process.s3Url).port);
    const on = (name: string, bucket: string): Subject => ({
      name,
      port,
      path: (method, key) => presign(method, bucket, key),
    });
    const own = on(CORDON, BUCKET);
    const bare: Subject = { name: NODE_FILES, port: peer.port, path: (_, key) => Promise.resolve(`/${key}`) };
    return [
      ...(await small(place, [own, bare], { method: 'PUT', what: 'PUT of 1 KB', inFlight: IN_FLIGHT })),
      ...(await small(place, [own, bare], { method: 'GET', what: 'GET of 1 KB', inFlight: IN_FLIGHT })),
      ...(await small(place, [own, on(INSPECTED, WATCHED)], {
        method: 'PUT',
        what: 'PUT of 1 KB, inspected or not',
        inFlight: INSPECTED_IN_FLIGHT,
      })),
      ...(await large(place, [own, bare])),
    ];
  },
};

/** Signs with an access key that the server has made. */
async function presigner({ home, process: { s3Url } }: CordonServer): Promise<Presign> {
  const can = ['get', 'put'] as const;
  const [made] = await home.json(
    ...['access-key', 'create', '--name', 'bench', '--bucket', BUCKET, '--bucket', WATCHED],
    ...can.flatMap((operation) => ['--can', operation]),
  );
  const { id, secret } = madeSchema.parse(made);
  const scope = { project: PROJECT, name: 'bench', buckets: [BUCKET, WATCHED], prefix: '', can };
  const key = { ...scope, id, createdAt: 0, expiresAt: null, usedAt: null, secret: new Secret(secret) };
  const keys: SignerKeys = { list: () => [key], find: () => Promise.resolve(key) };
  const signer = new AccessSigner({ keys, endpoint: () => s3Url, clock: systemClock });
  return async (method, bucket, object) => {
    const wish = { method, bucket, key: object, expiresMs: EXPIRES_MS, accessKey: id, endpoint: null };
    const url = new URL((await signer.presign(PROJECT, wish)).url);
    return `${url.pathname}${url.search}`;
  };
}

interface SmallRequests {
  readonly method: Method;
  readonly what: string;
  readonly inFlight: number;
}

/** The same keys in each round: what is put is there already, from the second on. */
async function small(
  place: Workplace,
  subjects: readonly Subject[],
  { method, what, inFlight }: SmallRequests,
): Promise<Result[]> {
  const found = new Map(subjects.map((subject) => [subject, { rates: [] as number[], ms: [] as number[] }]));
  const many = keys(place.pick(3000, 300));
  const few = keys(place.pick(500, 50));
  for (let round = 0; round <= place.pick(5, 1); round += 1) {
    for (const [subject, { rates, ms }] of found) {
      const { requests, seconds } = await ask(place, subject, method, many, inFlight, SMALL_BYTES);
      const { latencies } = await ask(place, subject, method, few, 1, SMALL_BYTES);
      // The first is to warm all of them alike.
      if (round === 0) continue;
      rates.push(requests / seconds);
      ms.push(...latencies);
    }
  }
  return [...found].flatMap(([{ name: subject }, { rates, ms }]) => [
    fromRounds({ name: `${what}, ${inFlight} in flight`, unit: 'operations/s', subject }, rates),
    fromSamples({ name: `${what}, one at a time`, unit: 'ms', subject }, ms),
  ]);
}

async function large(place: Workplace, subjects: readonly Subject[]): Promise<Result[]> {
  const found = new Map(subjects.map((subject) => [subject, { PUT: [] as number[], GET: [] as number[] }]));
  for (let round = 0; round <= place.pick(5, 1); round += 1) {
    for (const [subject, rates] of found) {
      for (const method of ['PUT', 'GET'] as const) {
        const { latencies } = await ask(place, subject, method, ['large'], 1, LARGE_BYTES);
        const [ms = Number.NaN] = latencies;
        if (round > 0) rates[method].push(LARGE_BYTES / BYTES_PER_MB / (ms / 1000));
      }
    }
  }
  return [...found].flatMap(([{ name: subject }, rates]) =>
    (['PUT', 'GET'] as const).map((method) =>
      fromRounds({ name: `${method} of 100 MB: throughput`, unit: 'MB/s', subject }, rates[method]),
    ),
  );
}

/** One request for each key. `bytes`: of the body of a PUT. */
async function ask(
  place: Workplace,
  subject: Subject,
  method: Method,
  objects: readonly string[],
  connections: number,
  bytes: number,
): Promise<LoadResult> {
  const paths = await Promise.all(objects.map((key) => subject.path(method, key)));
  return place.load.run({
    port: subject.port,
    method,
    path: '/',
    bodyBytes: bytes,
    connections,
    durationMs: ROUND_MS_MAX,
    variants: paths.map((path) => ({ path })),
  });
}

function keys(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `in/object-${index}`);
}
