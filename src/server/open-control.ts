import { systemClock } from '../contract/index.ts';
import { createControlServer } from '../control/index.ts';
import type { ControlServices } from '../control/index.ts';
import { AccessSigner } from '../s3/index.ts';
import type { Delivery } from '../delivery/index.ts';
import type { Isolation } from '../sandbox/index.ts';
import type { Closers } from './closers.ts';
import { explain } from './explain.ts';
import { findRoute } from './find-route.ts';
import type { Functions } from './open-functions.ts';
import type { State } from './open-state.ts';
import type { ServerOptions } from './start-server.ts';
import { urlOf } from './url-of.ts';
import { versions } from './versions.ts';

export interface ControlFacts {
  readonly address: ServerOptions['control'];
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly gatewayUrl: string;
  readonly s3Url: string;
  readonly isolation: Isolation;
  readonly delivery: Delivery;
}

/** Opens the control API on its own listener, which no function can reach. Errors: CORDON_PORT_TAKEN. */
export async function openControl(
  facts: ControlFacts,
  { store, evidence, secrets }: State,
  functions: Functions,
  closers: Closers,
): Promise<{ readonly url: string }> {
  const { deployer, catalogue, pool, keys, apiKeys, accessKeys, events, meter, closedPorts } = functions;
  const { gatewayUrl, s3Url, address } = facts;
  const routes = () => functions.releases.routes;
  const parts = { ...functions, routes, now: () => systemClock.now() };
  const control = createControlServer({
    services: {
      deployer,
      catalogue,
      evidence,
      dispatcher: pool,
      secrets,
      keys,
      apiKeys,
      accessKeys,
      accessSigner: new AccessSigner({ keys: accessKeys, endpoint: () => s3Url, clock: systemClock }),
      events,
      delivery: () => facts.delivery.status(),
      rejectedObjects: functions.storage.rejected,
      gatewayUrl,
      observed: (app) => meter.observed(app),
      findRoute: (method, host, path) => findRoute(routes(), method, host, path),
      explain: (app, request) => explain(parts, app, request),
      status: statusOf(facts, pool),
    },
    store,
    clock: systemClock,
  });
  closers.add(() => control.close());
  const { port } = await control.listen(address);
  closedPorts.add(port);
  return { url: urlOf(address.host, port) };
}

function statusOf(
  { startedAt, gatewayUrl, isolation }: ControlFacts,
  pool: Functions['pool'],
): ControlServices['status'] {
  const { name, confines } = isolation;
  const known = versions();
  return async () => ({
    startedAt,
    gatewayUrl,
    isolation: name,
    confines,
    versions: known,
    ...(await pool.status()),
  });
}
