import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { CordonError, systemClock } from '../contract/index.ts';
import { createControlServer, ensureFirstToken, verifyToken } from '../control/index.ts';
import type { ControlServices } from '../control/index.ts';
import { Catalogue, createDeployer, stagingFolderFor } from '../deploy/index.ts';
import { createEvidence } from '../evidence/index.ts';
import { compileRoutes, createGateway, findConflicts } from '../gateway/index.ts';
import { openFileObjectStore } from '../object/index.ts';
import { Pool } from '../pool/index.ts';
import { buildHarness, createBubblewrapIsolation, createUnsandboxedIsolation } from '../sandbox/index.ts';
import type { Isolation } from '../sandbox/index.ts';
import { openDataFolder, openSqliteStore } from '../store/index.ts';
import { findRoute } from './find-route.ts';
import { Releases } from './releases.ts';

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
 * The composition root. It reads as the request path: gateway, routes, pool, isolation; beside it control,
 * deploy and evidence; below them the store. What was opened is closed again when a later step fails.
 * Errors: CORDON_DATA_…, CORDON_SANDBOX_UNAVAILABLE, CORDON_PORT_TAKEN, CORDON_STORE_….
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const closers: (() => unknown)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    return await compose(options, closers, closeAll);
  } catch (thrown) {
    await closeAll();
    throw thrown;
  }
}

async function compose(
  options: ServerOptions,
  closers: (() => unknown)[],
  closeAll: () => Promise<void>,
): Promise<RunningServer> {
  const clock = systemClock;
  const startedAt = clock.now();
  // State
  const folder = await openDataFolder(options.dataDirectory);
  closers.push(() => folder.close());
  const [store, objects, isolation] = await Promise.all([
    openSqliteStore({ path: folder.storePath }),
    openFileObjectStore({ path: folder.objectsPath }),
    makeIsolation(options.unsafeNoSandbox),
  ]);
  closers.push(() => store.close());
  const evidence = createEvidence({ store, clock });
  closers.push(() => evidence.flush());
  // Instances
  await isolation.prepare();
  closers.push(() => isolation.close());
  const pool = new Pool({
    isolation,
    objects,
    evidence,
    ...(options.poolSize === undefined ? {} : { size: options.poolSize }),
  });
  closers.push(() => pool.close());
  const warm = pool.open();
  warm.catch(() => undefined);
  if (!isolation.confines) recordUnsafe(evidence.record.bind(evidence), isolation.name);
  // Deployments and their routes
  const catalogue = await Catalogue.open({ store, findConflicts, clock });
  const releases = new Releases(catalogue, pool, compileRoutes);
  const deployer = await createDeployer({
    catalogue,
    objects,
    checker: pool,
    stagingFolder: stagingFolderFor(folder.path),
    confines: isolation.confines,
    runtime: runtimeVersion(),
    clock,
  });
  closers.push(() => deployer.close());
  // Listeners
  const firstToken = await ensureFirstToken(store, clock);
  const gateway = createGateway({
    dispatcher: pool,
    routes: () => releases.routes,
    evidence,
    verifyControlToken: (token) => verifyToken(store, token),
    clock,
    random: Math.random,
  });
  await warm;
  const gatewayPort = (await gateway.listen(options.gateway)).port;
  closers.push(() => gateway.close());
  const gatewayUrl = urlOf(options.gateway.host, gatewayPort);
  const services: ControlServices = {
    deployer,
    catalogue,
    evidence,
    dispatcher: pool,
    gatewayUrl,
    findRoute: (method, host, path) => findRoute(releases.routes, method, host, path),
    status: async () => ({
      startedAt,
      gatewayUrl,
      isolation: isolation.name,
      confines: isolation.confines,
      versions: versions(),
      ...pool.status(),
    }),
  };
  const control = createControlServer({ services, store, clock });
  const controlPort = (await control.listen(options.control)).port;
  closers.push(() => control.close());
  return {
    gatewayUrl,
    controlUrl: urlOf(options.control.host, controlPort),
    firstToken,
    isolation: isolation.name,
    confines: isolation.confines,
    close: closeAll,
  };
}

async function makeIsolation(unsafeNoSandbox: boolean): Promise<Isolation> {
  const harness = await buildHarness();
  return unsafeNoSandbox ? createUnsandboxedIsolation({ harness }) : createBubblewrapIsolation({ harness });
}

function recordUnsafe(
  record: (event: Parameters<ReturnType<typeof createEvidence>['record']>[0]) => void,
  adapter: string,
): void {
  record({
    kind: 'platform.unsafe',
    severity: 'high',
    app: null,
    function: null,
    instance: null,
    request: null,
    reason: 'unsafe-no-sandbox',
    detail: { adapter },
  });
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Version of what runs the guests: code caches belong to it. */
function runtimeVersion(): string {
  return packageVersion('@deno/linux-x64-glibc/package.json');
}

function versions(): Record<string, string> {
  const own = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return { cordon: own.version, node: process.versions.node, deno: runtimeVersion() };
}

function packageVersion(name: string): string {
  const manifest = createRequire(import.meta.url)(name) as { version?: unknown };
  if (typeof manifest.version !== 'string')
    throw new CordonError('CORDON_INTERNAL', `The package ${name} has no version.`);
  return manifest.version;
}
