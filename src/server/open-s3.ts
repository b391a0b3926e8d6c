import { systemClock } from '../contract/index.ts';
import { openS3Server } from '../s3/index.ts';
import type { Closers } from './closers.ts';
import type { OpenGateway } from './open-gateway.ts';
import type { Functions } from './open-functions.ts';
import type { State } from './open-state.ts';
import type { ServerOptions } from './start-server.ts';
import { urlOf } from './url-of.ts';

/**
 * Opens the endpoint for clients of S3 on the address of the gateway, with its certificates, which nobody can use
 * without an access key. Errors: CORDON_PORT_TAKEN, CORDON_USAGE.
 */
export async function openS3(
  { gateway, s3 }: ServerOptions,
  { evidence }: State,
  { storage, accessKeys, closedPorts }: Functions,
  { transport }: OpenGateway,
  closers: Closers,
): Promise<{ readonly url: string }> {
  const { host } = gateway;
  const server = await openS3Server({
    host,
    port: s3.port,
    tls: transport.options.tls,
    unsafePlaintext: transport.isExposed,
    buckets: storage.objects,
    uploads: storage.uploads,
    accessKeys,
    clock: systemClock,
    evidence,
    origins: s3.origins,
  });
  closers.add(() => server.close());
  // Functions have buckets by grants, and by no other way.
  closedPorts.add(server.port);
  return { url: urlOf(host, server.port, transport.scheme) };
}
