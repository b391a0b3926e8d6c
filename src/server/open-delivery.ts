import { systemClock } from '../contract/index.ts';
import { PROJECT } from '../control/index.ts';
import { Delivery, ServedDeployments } from '../delivery/index.ts';
import { Ticker } from '../schedule/index.ts';
import type { Closers } from './closers.ts';
import type { Functions } from './open-functions.ts';
import type { State } from './open-state.ts';

/** Starts to deliver what waits, and the clocks of schedules. Close it before what it runs. Errors: CORDON_STORE_…. */
export async function openDelivery(
  { store, evidence }: State,
  { events, pool, catalogue, releases }: Functions,
  closers: Closers,
): Promise<Delivery> {
  const sources = (): typeof releases.sources => releases.sources;
  const clock = systemClock;
  const directory = new ServedDeployments(() => catalogue.apps());
  const common = { events, sources, evidence, clock, project: PROJECT };
  const delivery = Delivery.open({ ...common, dispatcher: pool, directory });
  closers.add(async () => {
    await delivery.drain();
    delivery.close();
  });
  const ticker = await Ticker.open({ ...common, store });
  closers.add(() => ticker.close());
  releases.onChange(() => {
    delivery.sourcesChanged();
    ticker.sourcesChanged();
  });
  return delivery;
}
