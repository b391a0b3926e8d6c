import { systemClock } from '../contract/index.ts';
import { Closers } from './closers.ts';
import { openFirstToken } from './first-token.ts';
import { openControl } from './open-control.ts';
import { openDelivery } from './open-delivery.ts';
import { openFunctions } from './open-functions.ts';
import { openGateway } from './open-gateway.ts';
import { prepareIsolation } from './open-isolation.ts';
import { openS3 } from './open-s3.ts';
import { openState } from './open-state.ts';
import type { ServerTransport } from './open-transport.ts';

export interface ServerOptions {
  readonly dataDirectory: string;
  readonly gateway: { readonly host: string; readonly port: number };
  /** Loopback only. */
  readonly control: { readonly host: string; readonly port: number };
  /** The endpoint for clients of S3, on the address of the gateway; pages of `origins` may use it. */
  readonly s3: { readonly port: number; readonly origins: readonly string[] };
  /** Starts without a sandbox. For development; recorded as a security event. */
  readonly unsafeNoSandbox: boolean;
  /** Anonymous sandboxes kept warm. Default `LIMITS.poolSize`. */
  readonly poolSize?: number;
  /** Default: plain HTTP, on loopback alone. */
  readonly transport?: ServerTransport;
}

export interface RunningServer {
  readonly gatewayUrl: string;
  readonly controlUrl: string;
  readonly s3Url: string;
  /** Not null until somebody had it once, which `firstTokenKept` says. */
  readonly firstToken: string | null;
  firstTokenKept(): void;
  /** Name of the isolation adapter. */
  readonly isolation: string;
  readonly confines: boolean;
  /** True where callers reach the gateway over a network without TLS. */
  readonly isPlaintextExposed: boolean;
  /** What clients of the gateway have to trust first; null for nothing. */
  readonly authorityFile: string | null;
  /** Looks for other certificates now. Never fails. */
  refreshCertificates(): Promise<void>;
  /** Stops accepting, answers what is in flight, then lets go of everything. */
  close(): Promise<void>;
}

/**
 * The composition root. What was opened is closed again when a later step fails, and in reverse at the end:
 * listeners first, then instances, evidence, the store and the data folder.
 * Errors: CORDON_DATA_…, CORDON_SANDBOX_UNAVAILABLE, CORDON_PORT_TAKEN, CORDON_STORE_…, CORDON_TLS_…,
 * CORDON_PLAINTEXT_REFUSED.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const closers = new Closers();
  try {
    return await compose(options, closers);
  } catch (thrown) {
    await closers.close();
    throw thrown;
  }
}

async function compose(options: ServerOptions, closers: Closers): Promise<RunningServer> {
  const startedAt = systemClock.now();
  const isolating = prepareIsolation(options.unsafeNoSandbox, closers);
  const state = await openState(options.dataDirectory, closers);
  const isolation = await isolating;
  const functions = await openFunctions(state, isolation, options.poolSize, closers);
  const gateway = await openGateway(options, state, functions, closers);
  const s3 = await openS3(options, state, functions, gateway, closers);
  const delivery = await openDelivery(state, functions, closers);
  const control = await openControl(
    { address: options.control, startedAt, gatewayUrl: gateway.url, s3Url: s3.url, isolation, delivery },
    state,
    functions,
    closers,
  );
  // Last, so that a start that fails does not use up the one time that it is shown.
  const first = await openFirstToken(state.store, state.folder, systemClock);
  await functions.keys.resume();
  return {
    gatewayUrl: gateway.url,
    controlUrl: control.url,
    s3Url: s3.url,
    firstToken: first.token,
    firstTokenKept: () => first.kept(),
    isolation: isolation.name,
    confines: isolation.confines,
    isPlaintextExposed: gateway.transport.isExposed,
    authorityFile: gateway.transport.authorityFile,
    refreshCertificates: () => gateway.transport.refresh(),
    close: () => closers.close(),
  };
}
