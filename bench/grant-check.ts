import { Broker, Meter } from '../src/broker/index.ts';
import { createRedactor, openStorageCapabilities } from '../src/capability/index.ts';
import type { CallerContext } from '../src/capability/index.ts';
import { systemClock } from '../src/contract/index.ts';
import { openEventLog } from '../src/events/index.ts';
import { createEvidence } from '../src/evidence/index.ts';
import type { CallHandler, CallReply, GuestCall } from '../src/instance/index.ts';
import { NO_GRANTS } from '../src/manifest/index.ts';
import { CORDON, type Measurement, type Result } from './measurement.ts';
import { openSealed } from './sealed.ts';
import { fromRounds } from './statistics.ts';

export const GRANT_ALLOWED = 'grant check of a kv get: allowed';
export const GRANT_DENIED = 'grant check of a kv get: denied';
const KEYS = 100;
const MICROS_PER_MS = 1000;

const CONTEXT: CallerContext = {
  project: 'default',
  app: 'bench',
  function: 'kv',
  deployment: 'bench',
  instance: 'ins_bench',
  grants: { ...NO_GRANTS, kv: { STORE: { store: 'bench', can: ['get'], prefix: 'orders/' } } },
};
const SERVED: CallHandler = { data() {}, end() {}, cancel() {}, drain() {} };
const REPLY: CallReply = { head() {}, write: () => true, end() {}, fail() {}, consumed() {} };

/** The broker's part of a call: judged and counted, and a denial made into an answer. What is allowed is not done. */
export const grantCheck: Measurement = {
  name: 'grant-check',
  about: 'the judgement of one call of a guest',
  async run(place) {
    const { store, objects, vault } = await openSealed(place);
    const evidence = createEvidence({ store, clock: systemClock });
    place.defer(() => evidence.flush());
    const events = await openEventLog({ store, sealer: vault, clock: systemClock, evidence });
    place.defer(() => events.close());
    const clock = systemClock;
    const storage = await openStorageCapabilities({ store, objects, sealer: vault, clock, evidence, events });
    place.defer(() => storage.close());
    const capabilities = storage.capabilities.map((capability) => ({
      name: capability.name,
      decide: capability.decide.bind(capability),
      serve: () => SERVED,
    }));
    const open = new Broker({ capabilities, evidence, meter: new Meter() }).opener(
      CONTEXT,
      createRedactor([]),
    );
    const measure = (name: string, prefix: string): Result => {
      const calls = Array.from({ length: KEYS }, (_, index) => callFor(`${prefix}${index}`));
      const round = (): number => {
        const count = place.pick(200_000, 20_000);
        const startedAt = performance.now();
        for (let done = 0; done < count; done += KEYS) for (const call of calls) open(call, REPLY);
        return ((performance.now() - startedAt) / count) * MICROS_PER_MS;
      };
      round();
      const rounds = Array.from({ length: place.pick(5, 2) }, round);
      return fromRounds({ name, unit: 'µs', subject: CORDON }, rounds);
    };
    return [measure(GRANT_ALLOWED, 'orders/'), measure(GRANT_DENIED, 'users/')];
  },
};

function callFor(key: string): GuestCall {
  return {
    capability: 'kv',
    binding: 'STORE',
    operation: 'get',
    args: { key },
    request: 'req_bench',
    hops: 0,
    requestHeaders: [],
  };
}
