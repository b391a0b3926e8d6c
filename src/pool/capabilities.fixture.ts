import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Broker, Meter } from '../broker/index.ts';
import { PipeCapability, ServiceCapability, openStorageCapabilities } from '../capability/index.ts';
import type { StorageCapabilities } from '../capability/index.ts';
import { newId, systemClock } from '../contract/index.ts';
import type { DeployedFunction, Deployment } from '../deploy/index.ts';
import { openEventLog } from '../events/index.ts';
import type { EventLog, NewEvent } from '../events/index.ts';
import { NO_AUTH, NO_GRANTS } from '../manifest/index.ts';
import type { FunctionLimits, Grants, SourceSpec } from '../manifest/index.ts';
import { openFileStreamedObjects } from '../object/index.ts';
import type { StreamedObjects } from '../object/index.ts';
import { buildHarness, createBubblewrapIsolation } from '../sandbox/index.ts';
import { openSqliteStore } from '../store/index.ts';
import type { Store } from '../store/index.ts';
import { openFileKeyWrapper, openVault } from '../vault/index.ts';
import { Pool } from './index.ts';
import { RecordingEvidence, deploy } from './pool.fixture.ts';

/** A server's worth of capabilities over real sandboxes, a real store, real files and a real vault. */
export interface Capable {
  readonly pool: Pool;
  readonly evidence: RecordingEvidence;
  readonly store: Store;
  readonly objects: StreamedObjects;
  readonly meter: Meter;
  /** What was sent along pipes. */
  readonly events: readonly NewEvent[];
  readonly log: EventLog;
  readonly storage: StorageCapabilities;
  readonly folder: string;
  /** Runs code as the body of `fetch(request, env, ctx)` of the functions that `deployCode` gives. */
  close(): Promise<void>;
}

const codes = new Map<string, Buffer>();

export async function openCapable(): Promise<Capable> {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-capable-'));
  const evidence = new RecordingEvidence();
  const store = await openSqliteStore({ path: join(folder, 'cordon.db') });
  const objects = await openFileStreamedObjects({ path: join(folder, 'streamed') });
  const wrapper = openFileKeyWrapper({ path: join(folder, 'master.key'), create: true });
  const sealer = await openVault({ store, wrapper });
  const log = await openEventLog({ store, sealer, clock: systemClock, evidence });
  const kept = { store, objects, sealer, clock: systemClock, evidence, events: log };
  const storage = await openStorageCapabilities(kept);
  const service = new ServiceCapability({
    directory: { find: (context, name) => pool.services.find(context, name) },
    evidence,
  });
  const events: NewEvent[] = [];
  const pipe = new PipeCapability({
    directory: { consumers: (context, type) => pool.pipes.consumers(context, type) },
    log: {
      accept(accepted) {
        events.push(...accepted);
        return Promise.resolve(accepted.map(() => ({ id: newId('evt') })));
      },
    },
    evidence,
    clock: systemClock,
  });
  const meter = new Meter();
  const broker = new Broker({ capabilities: [...storage.capabilities, service, pipe], evidence, meter });
  const isolation = createBubblewrapIsolation({ harness: await buildHarness() });
  await isolation.prepare();
  const bundles = {
    get: (name: string) => Promise.resolve(codes.get(name) ?? Buffer.from('')),
    put: () => Promise.resolve(''),
    has: () => Promise.resolve(true),
    delete: () => Promise.resolve(),
  };
  const pool: Pool = new Pool({ isolation, objects: bundles, evidence, broker, size: 2, idleMs: 60_000 });
  await pool.open();
  return {
    pool,
    evidence,
    store,
    objects,
    meter,
    events,
    log,
    storage,
    folder,
    async close() {
      pool.close();
      await isolation.close();
      await storage.close();
      await log.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface FunctionOfCode {
  readonly code: string;
  /** Methods of the default export besides `fetch`. */
  readonly handlers?: string;
  readonly sources?: readonly SourceSpec[];
  readonly grants?: Partial<Grants>;
  readonly limits?: Partial<FunctionLimits>;
}

/** A deployment of functions whose `fetch(request, env, ctx)` has the given code as its body. */
export function deployCode(functions: Readonly<Record<string, FunctionOfCode>>): {
  readonly deployment: Deployment;
  readonly of: (name: string) => { readonly deployment: Deployment; readonly fn: DeployedFunction };
} {
  const deployed = Object.entries(functions).map(([name, given]): DeployedFunction => {
    const { code, handlers = '', sources = [], grants, limits } = given;
    const bundle = `exports.default = { async fetch(request, env, ctx) { ${code} }, ${handlers} }`;
    const hash = `${codes.size}`;
    codes.set(hash, Buffer.from(bundle));
    const { fn } = deploy({ timeMs: 20_000, responseBytes: 2 ** 40, bodyBytes: 2 ** 40, ...limits });
    return { ...fn, bundle: hash, spec: { ...fn.spec, name, sources, grants: { ...NO_GRANTS, ...grants } } };
  });
  const manifest = {
    name: 'app',
    hosts: [],
    auth: NO_AUTH,
    files: {},
    functions: deployed.map(({ spec }) => spec),
  };
  const deployment = {
    id: `d${codes.size}`.padEnd(64, '0'),
    app: 'app',
    manifest,
    functions: deployed,
    createdAt: 0,
  };
  return {
    deployment,
    of(name) {
      const fn = deployed.find(({ spec }) => spec.name === name);
      if (fn === undefined) throw new Error(`There is no function ${name}.`);
      return { deployment, fn };
    },
  };
}
