import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CODE_LABELS, CODE_SIZES, makeCode, withId, type CodeSize } from './code.ts';
import { timeToFirstByte, timesToFirstByte, type Target } from './connection.ts';
import { CordonServer } from './cordon-server.ts';
import { CORDON, type Measurement, type Result } from './measurement.ts';
import { fromSamples } from './statistics.ts';
import { denoFunction, functionsHello, startPeer, workerdWith, type Launch } from './subject.ts';
import type { Workplace } from './workplace.ts';

export const POOL_EMPTY = 'cordon, pool empty';
export const WORKER_LOADER = 'workerd, Worker Loader';
export const DENO_PROCESS = 'deno run';
const WORKERD_PROCESS = 'workerd process';
const FUNCTIONS_PROCESS = 'functions-framework process';

/** Something that can be started cold again and again. */
interface ColdSubject {
  readonly name: string;
  readonly samples: number;
  /** One cold start, in ms. */
  sample(): Promise<number>;
}

export function coldName(size: CodeSize): string {
  return `cold start, ${CODE_LABELS[size]}`;
}

/** From the request at the gateway, or the start of the process, to the first byte of a function that was never invoked. */
export const coldStart: Measurement = {
  name: 'cold-start',
  about: 'request to the first byte of a function that was never invoked',
  async run(place) {
    const code = makeCode(place.folder);
    const servers = {
      warm: await CordonServer.start(place),
      empty: await CordonServer.start(place, { args: ['--pool', '0'] }),
    };
    const loader = await startWorkerLoader(place, code);
    const results: Result[] = [];
    for (const size of CODE_SIZES) {
      const subjects = await coldSubjects(place, { servers, loader, code: code[size], size });
      results.push(...(await sampleAll(size, subjects)));
    }
    return results;
  },
};

/** As many requests at once as there are cold functions: the time to the median answer and to the last. */
export const burst: Measurement = {
  name: 'burst',
  about: 'many cold functions at once',
  async run(place) {
    const code = makeCode(place.folder);
    const count = place.pick(50, 8);
    const rounds = place.pick(5, 1);
    const server = await CordonServer.start(place);
    const loader = await startWorkerLoader(place, code);
    const fleets = [];
    for (let first = 0; first < count * rounds; first += count)
      fleets.push(await server.deployFleet(place, `burst${first}`, code.tiny, count));
    const samples = { [CORDON]: [] as number[][], [WORKER_LOADER]: [] as number[][] };
    for (const fleet of fleets) {
      await server.warm();
      samples[CORDON].push(await timesToFirstByte(fleet.take(count)));
      samples[WORKER_LOADER].push(
        await timesToFirstByte(Array.from({ length: count }, () => loader('tiny'))),
      );
    }
    return Object.entries(samples).flatMap(([subject, all]): Result[] => [
      fromSamples({ name: `${count} cold functions at once: first byte`, unit: 'ms', subject }, all.flat()),
      fromSamples(
        { name: `${count} cold functions at once: the last`, unit: 'ms', subject },
        all.map((times) => Math.max(...times)),
      ),
    ]);
  },
};

/** Starts workerd with a Worker Loader; each target of the returned function is an isolate of its own. */
async function startWorkerLoader(
  place: Workplace,
  code: Readonly<Record<CodeSize, string>>,
): Promise<(size: CodeSize) => Target> {
  const module = await readFile(join(import.meta.dirname, 'peers/worker-loader.mjs'), 'utf8');
  const peer = await startPeer(
    await workerdWith(await place.newFolder('loader'), module, { texts: code, loader: true }),
  );
  place.defer(() => peer.stop());
  let count = 0;
  return (size) => {
    count += 1;
    return { port: peer.port, method: 'GET', path: `/${size}/${count}`, bodyBytes: 0 };
  };
}

interface ColdPlace {
  readonly servers: { readonly warm: CordonServer; readonly empty: CordonServer };
  readonly loader: (size: CodeSize) => Target;
  readonly code: string;
  readonly size: CodeSize;
}

async function coldSubjects(place: Workplace, cold: ColdPlace): Promise<ColdSubject[]> {
  const { servers, loader, code, size } = cold;
  const many = place.pick(100, 6);
  const some = place.pick(30, 4);
  const few = place.pick(15, 2);
  const warmFleet = await servers.warm.deployFleet(place, `warm-${size}`, code, many);
  const emptyFleet = await servers.empty.deployFleet(place, `empty-${size}`, code, some);
  const deno = await denoFunction(await place.newFolder('deno'), withId(code, size));
  const workerd = await workerdWith(await place.newFolder('workerd'), withId(code, size));
  const subjects: ColdSubject[] = [
    {
      name: CORDON,
      samples: many,
      sample: async () => {
        await servers.warm.warm();
        return timeToFirstByte(warmFleet.next());
      },
    },
    { name: WORKER_LOADER, samples: many, sample: () => timeToFirstByte(loader(size)) },
    {
      name: POOL_EMPTY,
      samples: some,
      sample: async () => {
        await servers.empty.warm();
        return timeToFirstByte(emptyFleet.next());
      },
    },
    { name: DENO_PROCESS, samples: some, sample: () => processSample(deno) },
    { name: WORKERD_PROCESS, samples: few, sample: () => processSample(workerd) },
  ];
  if (size === 'tiny')
    subjects.push({ name: FUNCTIONS_PROCESS, samples: few, sample: () => processSample(functionsHello()) });
  return subjects;
}

/** From the start of a process to its first answer. */
async function processSample(launch: Launch): Promise<number> {
  const startedAt = performance.now();
  const peer = await startPeer(launch);
  try {
    await timeToFirstByte({ port: peer.port, method: 'GET', path: '/', bodyBytes: 0 });
    return performance.now() - startedAt;
  } finally {
    await peer.stop();
  }
}

/** Samples the subjects in turn, those with fewer samples spread over the whole. */
async function sampleAll(size: CodeSize, subjects: readonly ColdSubject[]): Promise<Result[]> {
  const most = Math.max(...subjects.map(({ samples }) => samples));
  const taken = new Map<ColdSubject, number[]>(subjects.map((subject) => [subject, []]));
  for (let turn = 0; turn < most; turn += 1) {
    for (const [subject, samples] of taken) {
      const due = Math.floor(((turn + 1) * subject.samples) / most);
      if (samples.length < due) samples.push(await subject.sample());
    }
  }
  return [...taken].map(([{ name }, samples]) =>
    fromSamples({ name: coldName(size), unit: 'ms', subject: name }, samples),
  );
}
