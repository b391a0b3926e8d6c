import { LIMITS, systemClock } from '../contract/index.ts';
import { createControlServer, ensureFirstToken, verifyToken } from '../control/index.ts';
import { Catalogue, createDeployer, stagingFolderFor } from '../deploy/index.ts';
import { createEvidence, createServerLog } from '../evidence/index.ts';
import type { Evidence } from '../evidence/index.ts';
import { compileRoutes, createGateway, findConflicts } from '../gateway/index.ts';
import { openFileObjectStore } from '../object/index.ts';
import type { ObjectStore } from '../object/index.ts';
import { Pool } from '../pool/index.ts';
import { buildHarness, createBubblewrapIsolation, createUnsandboxedIsolation } from '../sandbox/index.ts';
import type { Isolation } from '../sandbox/index.ts';
import { openDataFolder, openSqliteStore } from '../store/index.ts';
import type { Store } from '../store/index.ts';
import { Closers } from './closers.ts';
import { findRoute } from './find-route.ts';
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

  const { folder, store, objects, evidence } = await openState(options.dataDirectory, closers);
  const isolation = await isolating;
  closers.add(() => isolation.close());
  const pool = openPool(options, isolation, objects, evidence, closers);
  const warm = pool.open();
  warm.catch(() => undefined);

  const catalogue = await Catalogue.open({ store, findConflicts, clock });
  const releases = new Releases(catalogue, pool, compileRoutes);
  const deployer = await createDeployer({
    catalogue,
    objects,
    checker: pool,
    stagingFolder: stagingFolderFor(folder),
    confines: isolation.confines,
    runtime: runtimeVersion(),
    clock,
  });
  closers.add(() => deployer.close());

  await warm;
  const gateway = createGateway({
    dispatcher: pool,
    routes: () => releases.routes,
    evidence,
    verifyControlToken: (token) => verifyToken(store, token),
    clock,
    random: Math.random,
  });
  const gatewayUrl = urlOf(options.gateway.host, (await gateway.listen(options.gateway)).port);
  closers.add(() => gateway.close());

  const { name, confines } = isolation;
  const control = createControlServer({
    services: {
      deployer,
      catalogue,
      evidence,
      dispatcher: pool,
      gatewayUrl,
      findRoute: (method, host, path) => findRoute(releases.routes, method, host, path),
      status: async () => ({
        startedAt,
        gatewayUrl,
        isolation: name,
        confines,
        versions: versions(),
        ...pool.status(),
      }),
    },
    store,
    clock,
  });
  const controlUrl = urlOf(options.control.host, (await control.listen(options.control)).port);
  closers.add(() => control.close());
  // Last of all: a token that is made by a start that fails would never be shown to anybody.
  const firstToken = await ensureFirstToken(store, clock);
  return { gatewayUrl, controlUrl, firstToken, isolation: name, confines, close: () => closers.close() };
}

interface State {
  readonly folder: string;
  readonly store: Store;
  readonly objects: ObjectStore;
  readonly evidence: Evidence;
}

async function openState(directory: string, closers: Closers): Promise<State> {
  const log = createServerLog({ stream: process.stderr });
  const folder = openDataFolder(directory);
  closers.add(() => folder.close());
  const store = await openSqliteStore({ path: folder.storePath });
  closers.add(() => store.close());
  const objects = await openFileObjectStore({ path: folder.objectsPath });
  const evidence = createEvidence({
    store,
    clock: systemClock,
    onStoreHealth: (err) =>
      err === null
        ? log.info({}, 'Evidence is written again.')
        : log.error({ err }, 'Evidence cannot be written; it waits.'),
  });
  closers.add(() =>
    evidence.flush().catch((err: unknown) => log.error({ err }, 'The last evidence could not be written.')),
  );
  return { folder: folder.path, store, objects, evidence };
}

async function prepareIsolation(unsafeNoSandbox: boolean): Promise<Isolation> {
  const harness = await buildHarness();
  const isolation = unsafeNoSandbox
    ? createUnsandboxedIsolation({ harness })
    : createBubblewrapIsolation({ harness });
  await isolation.prepare();
  return isolation;
}

function openPool(
  options: ServerOptions,
  isolation: Isolation,
  objects: ObjectStore,
  evidence: Evidence,
  closers: Closers,
): Pool {
  if (!isolation.confines) {
    const nobody = { app: null, function: null, instance: null, request: null };
    const detail = { adapter: isolation.name };
    evidence.record({
      ...nobody,
      kind: 'platform.unsafe',
      severity: 'high',
      reason: 'unsafe-no-sandbox',
      detail,
    });
  }
  const pool = new Pool({ isolation, objects, evidence, size: options.poolSize ?? LIMITS.poolSize.value });
  closers.add(() => pool.close());
  return pool;
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
