import { z } from 'zod';
import { CordonServer } from './cordon-server.ts';
import { KV_CODE } from './guest-code.ts';
import { CORDON, type Measurement, type Result } from './measurement.ts';
import { fromRounds, fromSamples } from './statistics.ts';
import type { Workplace } from './workplace.ts';

type Operation = 'get' | 'put';

export const KV_GET = kvName('get', 'one at a time');
const IN_FLIGHT = 32;
const answerSchema = z.object({ micros: z.array(z.number()), seconds: z.number() });

function kvName(operation: Operation, what: string): string {
  return `kv ${operation}, 100 B, ${what}`;
}

/** Round trips of kv from guest code. The values that are read are in the server's cache; writes are durable. */
export const kv: Measurement = {
  name: 'kv',
  about: 'kv from guest code: round trip, operations per second of one instance',
  async run(place) {
    const server = await CordonServer.start(place);
    await server.deploy(place, 'bench', { kv: KV_CODE }, LIMITS_OF_FUNCTION, {
      kv: { STORE: { store: 'bench', can: ['get', 'put'] } },
    });
    const ask = async (operation: Operation, count: number, width: number) =>
      answerSchema.parse(await server.json(`/bench/kv?what=${operation}&count=${count}&width=${width}`));
    for (const operation of ['put', 'get'] as const) await ask(operation, place.pick(2000, 200), 4);
    return [...(await measure(place, ask, 'get')), ...(await measure(place, ask, 'put'))];
  },
};

const LIMITS_OF_FUNCTION = { instances: 1, time: '60s' };

async function measure(
  place: Workplace,
  ask: (operation: Operation, count: number, width: number) => Promise<z.output<typeof answerSchema>>,
  operation: Operation,
): Promise<Result[]> {
  const micros: number[] = [];
  const rates: number[] = [];
  const count = place.pick(operation === 'get' ? 2000 : 500, 100);
  for (let round = 0; round < place.pick(5, 2); round += 1) {
    micros.push(...(await ask(operation, count, 1)).micros);
    const many = await ask(operation, count * 5, IN_FLIGHT);
    rates.push(many.micros.length / many.seconds);
  }
  return [
    fromSamples({ name: kvName(operation, 'one at a time'), unit: 'µs', subject: CORDON }, micros),
    fromRounds(
      { name: kvName(operation, `${IN_FLIGHT} in flight`), unit: 'operations/s', subject: CORDON },
      rates,
    ),
  ];
}
