import { systemClock } from '../contract/index.ts';
import { PROJECT, verifyToken } from '../control/index.ts';
import { createGateway } from '../gateway/index.ts';
import type { Closers } from './closers.ts';
import type { Functions } from './open-functions.ts';
import type { State } from './open-state.ts';
import { openTransport, PLAIN_TRANSPORT } from './open-transport.ts';
import type { OpenTransport } from './open-transport.ts';
import type { ServerOptions } from './start-server.ts';
import { urlOf } from './url-of.ts';

export interface OpenGateway {
  readonly url: string;
  readonly transport: OpenTransport;
}

/** Opens the front door. Errors: CORDON_PORT_TAKEN, CORDON_PLAINTEXT_REFUSED, CORDON_TLS_…. */
export async function openGateway(
  options: ServerOptions,
  { store, evidence, folder, sealer }: State,
  { pool, catalogue, releases, guards, events, closedPorts }: Functions,
  closers: Closers,
): Promise<OpenGateway> {
  const chosen = options.transport ?? PLAIN_TRANSPORT;
  const transport = await openTransport(chosen, {
    host: options.gateway.host,
    folder,
    evidence,
    sealer,
    closers,
    routes: () => releases.routes,
    apps: () => catalogue.apps(),
  });
  const gateway = createGateway({
    project: PROJECT,
    dispatcher: pool,
    events,
    routes: () => releases.routes,
    evidence,
    guards,
    verifyControlToken: (token) => verifyToken(store, token),
    clock: systemClock,
    random: Math.random,
    transport: transport.options,
  });
  closers.add(() => gateway.close());
  const { port } = await gateway.listen(options.gateway);
  // A function that reached it from this machine would look like a proxy whose word is taken.
  if (chosen.trustedProxies.length > 0) closedPorts.add(port);
  return { url: urlOf(options.gateway.host, port, transport.scheme), transport };
}
