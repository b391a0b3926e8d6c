import { LIMITS, systemClock } from '../contract/index.ts';
import {
  KeyRotation,
  PROJECT,
  createControlServer,
  ensureFirstToken,
  verifyToken,
} from '../control/index.ts';
import { Catalogue, createDeployer, deploymentPlaces, stagingFolderFor } from '../deploy/index.ts';
import type { Deployer, GrantGateOptions } from '../deploy/index.ts';
import { evidencePlaces, type Evidence } from '../evidence/index.ts';
import { compileRoutes, createGateway, findConflicts } from '../gateway/index.ts';
import { Pool } from '../pool/index.ts';
import { buildHarness, createBubblewrapIsolation, createUnsandboxedIsolation } from '../sandbox/index.ts';
import type { Isolation } from '../sandbox/index.ts';
import { Closers } from './closers.ts';
import { findRoute } from './find-route.ts';
import { openCapabilities } from './open-capabilities.ts';
import { openState } from './open-state.ts';
import type { State } from './open-state.ts';
import type { StorageCapabilities } from '../capability/index.ts';
import { Releases } from './releases.ts';
import { runtimeVersion, versions } from './versions.ts';

export interface ServerOptions {
  readonly dataDirectory: string;
  readonly gateway: { readonly host: string; readonly port: number };
  /** Loopback only. */
  readonly control: { readonly host: string; readonly port: number };
  /** Starts without a sandbox. For development; recorded as a security event. */
  readonly unsafeNoSandbox: boolean;
  /** Anonymous sandboxes kept warm. Default `LIMITS.poolSize`. */
  readonly poolSize?: number;
}

export interface RunningServer {
  readonly gatewayUrl: string;
  readonly controlUrl: string;
  /** Not null only at the first start of a data folder. */
  readonly firstToken: string | null;
  /** Name of the isolation adapter. */
  readonly isolation: string;
  readonly confines: boolean;
  /** Stops accepting, answers what is in flight, then lets go of everything. */
  close(): Promise<void>;
}

/**
 * The composition root. What was opened is closed again when a later step fails, and in reverse at the end:
 * listeners first, then instances, evidence, the store and the data folder.
 * Errors: CORDON_DATA_…, CORDON_SANDBOX_UNAVAILABLE, CORDON_PORT_TAKEN, CORDON_STORE_….
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
  const clock = systemClock;
  const startedAt = clock.now();
  const isolating = prepareIsolation(options.unsafeNoSandbox);
  isolating.catch(() => undefined);
  closers.add(() =>
    isolating.then(
      (made) => made.close(),
      () => undefined,
    ),
  );
  const state = await openState(options.dataDirectory, closers);
  const { store, objects, evidence, secrets } = state;
  const isolation = await isolating;

  const { meter, storage, ...serving } = await openCapabilities(state, () => pool.services, closers);
  const size = options.poolSize ?? LIMITS.poolSize.value;
  const pool = new Pool({ isolation, objects, evidence, ...serving, project: PROJECT, size });
  closers.add(() => pool.close());
  const warm = pool.open();
  warm.catch(() => undefined);
  if (!isolation.confines) recordUnsafe(evidence, isolation.name);

  const catalogue = await Catalogue.open({ store, sealer: state.sealer, findConflicts, clock });
  const releases = new Releases(catalogue, pool, compileRoutes);
  const deployer = await openDeployer(state, catalogue, pool, isolation.confines, closers);
  const keys = openKeys(state, storage, closers);

  await warm;
  const gateway = createGateway({
    dispatcher: pool,
    routes: () => releases.routes,
    evidence,
    verifyControlToken: (token) => verifyToken(store, token),
    clock,
    random: Math.random,
  });
  closers.add(() => gateway.close());
  const gatewayUrl = urlOf(options.gateway.host, (await gateway.listen(options.gateway)).port);

  const { name, confines } = isolation;
  const known = versions();
  const control = createControlServer({
    services: {
      deployer,
      catalogue,
      evidence,
      dispatcher: pool,
      secrets,
      keys,
      observed: (app) => meter.observed(app),
      gatewayUrl,
      findRoute: (method, host, path) => findRoute(releases.routes, method, host, path),
      status: async () => ({
        startedAt,
        gatewayUrl,
        isolation: name,
        confines,
        versions: known,
        ...pool.status(),
      }),
    },
    store,
    clock,
  });
  closers.add(() => control.close());
  const controlUrl = urlOf(options.control.host, (await control.listen(options.control)).port);
  // Last, so that a start that fails does not use up the one time that it is shown.
  const firstToken = await ensureFirstToken(store, clock);
  await keys.resume();
  return { gatewayUrl, controlUrl, firstToken, isolation: name, confines, close: () => closers.close() };
}

async function openDeployer(
  state: State,
  catalogue: Catalogue,
  checker: Pool,
  confines: boolean,
  closers: Closers,
): Promise<Deployer> {
  const deployer = await createDeployer({
    catalogue,
    objects: state.objects,
    checker,
    grants: {
      analyse: analyseLazily,
      missingSecrets: (names) => state.secrets.missing(PROJECT, names),
    },
    stagingFolder: stagingFolderFor(state.folder),
    confines,
    runtime: runtimeVersion(),
    clock: systemClock,
  });
  closers.add(() => deployer.close());
  return deployer;
}

/** The rotation of keys, over everything that is kept sealed. */
function openKeys(state: State, storage: StorageCapabilities, closers: Closers): KeyRotation {
  const { store, vault } = state;
  const places = [
    state.secrets.place,
    state.objects.place,
    ...storage.sealedPlaces(vault),
    ...evidencePlaces(store, vault, PROJECT),
    ...deploymentPlaces(store, vault, PROJECT),
  ];
  const keys = new KeyRotation({ store, vault, places, master: state.masterKey, clock: systemClock });
  closers.add(() => keys.close());
  return keys;
}

async function prepareIsolation(unsafeNoSandbox: boolean): Promise<Isolation> {
  const harness = await buildHarness();
  const isolation = unsafeNoSandbox
    ? createUnsandboxedIsolation({ harness })
    : createBubblewrapIsolation({ harness });
  await isolation.prepare();
  return isolation;
}

function recordUnsafe(evidence: Evidence, adapter: string): void {
  const nobody = { app: null, function: null, instance: null, request: null };
  const reason = 'unsafe-no-sandbox';
  evidence.record({ ...nobody, kind: 'platform.unsafe', severity: 'high', reason, detail: { adapter } });
}

/** The analyser and its parser are loaded by the first deploy that needs them. */
const analyseLazily: GrantGateOptions['analyse'] = async (code, options) => {
  const { analyseApart } = await import('../permissions/index.ts');
  return analyseApart(code, options);
};

function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
