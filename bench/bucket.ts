import { z } from 'zod';
import { CordonServer } from './cordon-server.ts';
import { BUCKET_CODE } from './guest-code.ts';
import { CORDON, type Measurement } from './measurement.ts';
import { rssMb } from './processes.ts';
import { fromRounds } from './statistics.ts';

const OBJECT_BYTES = 100_000_000;
const BYTES_PER_MB = 1e6;
const RSS_PAUSE_MS = 20;

export const BUCKET_PUT = 'bucket put of 100 MB: throughput';
export const BUCKET_GET = 'bucket get of 100 MB: throughput';
export const BUCKET_GROWTH = 'bucket, 100 MB either way: growth of the server while it streams';

const answerSchema = z.object({ moved: z.literal(OBJECT_BYTES), seconds: z.number() });

/** Large objects through guest code, which makes and reads the bytes, and the memory that the server takes for it. */
export const bucket: Measurement = {
  name: 'bucket',
  about: 'bucket streaming through guest code: throughput and memory of the server',
  async run(place) {
    const server = await CordonServer.start(place);
    await server.deploy(
      place,
      'bench',
      { bucket: BUCKET_CODE },
      { instances: 1, time: '120s' },
      { bucket: { FILES: { bucket: 'bench', can: ['get', 'put'] } } },
    );
    const found = { put: [] as number[], get: [] as number[], growth: [] as number[] };
    const stream = async (what: 'put' | 'get'): Promise<number> => {
      const before = rssMb(server.pid);
      let peak = before;
      const timer = setInterval(() => {
        peak = Math.max(peak, rssMb(server.pid));
      }, RSS_PAUSE_MS);
      try {
        const answer = await server.json(`/bench/bucket?what=${what}&bytes=${OBJECT_BYTES}`);
        return OBJECT_BYTES / BYTES_PER_MB / answerSchema.parse(answer).seconds;
      } finally {
        clearInterval(timer);
        found.growth.push(peak - before);
      }
    };
    for (let round = 0; round < place.pick(5, 2); round += 1)
      for (const what of ['put', 'get'] as const) found[what].push(await stream(what));
    return [
      fromRounds({ name: BUCKET_PUT, unit: 'MB/s', subject: CORDON }, found.put),
      fromRounds({ name: BUCKET_GET, unit: 'MB/s', subject: CORDON }, found.get),
      // The first time counts most: later ones use the memory that it took.
      fromRounds({ name: BUCKET_GROWTH, unit: 'MB', subject: CORDON }, [Math.max(...found.growth)]),
    ];
  },
};
