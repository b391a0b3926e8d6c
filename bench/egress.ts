import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, request } from 'undici';
import { z } from 'zod';
import { CordonServer } from './cordon-server.ts';
import { egressCode } from './guest-code.ts';
import { CORDON, type Measurement } from './measurement.ts';
import { fromSamples } from './statistics.ts';
import type { Workplace } from './workplace.ts';

export const EGRESS = 'GET of 100 B from a service on loopback';
export const DIRECT = 'undici, direct';

const answerSchema = z.object({ micros: z.array(z.number()) });
const WHY = 'The service that is measured runs on this machine.';

/** What a request of guest code to the outside costs over one that is made without Cordon. */
export const egress: Measurement = {
  name: 'egress',
  about: 'fetch from guest code to a service on loopback, against undici',
  async run(place) {
    const url = await startService(place);
    const server = await CordonServer.start(place);
    await server.deploy(
      place,
      'bench',
      { egress: egressCode(url) },
      { instances: 1, time: '60s' },
      { fetch: [{ to: url, unsafePrivate: true, because: WHY }] },
    );
    const agent = new Agent({ connections: 1 });
    place.defer(() => agent.close());
    const ask = async (count: number): Promise<number[]> =>
      answerSchema.parse(await server.json(`/bench/egress?count=${count}`)).micros;
    const warmUp = place.pick(2000, 200);
    await ask(warmUp);
    await askDirectly(agent, url, warmUp);
    const found = { guest: [] as number[], direct: [] as number[] };
    for (let round = 0; round < place.pick(5, 2); round += 1) {
      found.guest.push(...(await ask(place.pick(1000, 100))));
      found.direct.push(...(await askDirectly(agent, url, place.pick(1000, 100))));
    }
    return [
      fromSamples({ name: EGRESS, unit: 'µs', subject: CORDON }, found.guest),
      fromSamples({ name: EGRESS, unit: 'µs', subject: DIRECT }, found.direct),
    ];
  },
};

async function startService(place: Workplace): Promise<string> {
  const body = 'x'.repeat(100);
  const service = createServer((_, response) => response.end(body)).listen(0, '127.0.0.1');
  await once(service, 'listening');
  place.defer(async () => {
    service.closeAllConnections();
    service.close();
    await once(service, 'close');
  });
  const { port } = service.address() as AddressInfo;
  return `http://127.0.0.1:${port}/`;
}

async function askDirectly(dispatcher: Agent, url: string, count: number): Promise<number[]> {
  const micros: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const before = performance.now();
    const { body } = await request(url, { dispatcher });
    await body.text();
    micros.push((performance.now() - before) * 1000);
  }
  return micros;
}
