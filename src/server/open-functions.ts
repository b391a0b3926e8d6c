import type { Meter } from '../broker/index.ts';
import type { StorageCapabilities } from '../capability/index.ts';
import { LIMITS, systemClock } from '../contract/index.ts';
import { KeyRotation, PROJECT } from '../control/index.ts';
import { Catalogue, createDeployer, deploymentPlaces, stagingFolderFor } from '../deploy/index.ts';
import type { Deployer, GrantGateOptions } from '../deploy/index.ts';
import { SourceTable, eventPlaces } from '../events/index.ts';
import type { EventLog } from '../events/index.ts';
import { evidencePlaces, type Evidence } from '../evidence/index.ts';
import { compileRoutes, findConflicts } from '../gateway/index.ts';
import type { RouteGuards } from '../gateway/index.ts';
import { AccessKeyStore } from '../identity/index.ts';
import { Pool } from '../pool/index.ts';
import type { Isolation } from '../sandbox/index.ts';
import type { Closers } from './closers.ts';
import { openCapabilities } from './open-capabilities.ts';
import { openEvents } from './open-events.ts';
import { openGuards } from './open-guards.ts';
import type { OpenedGuards } from './open-guards.ts';
import type { State } from './open-state.ts';
import { Releases } from './releases.ts';
import { runtimeVersion } from './versions.ts';

/** What runs functions, before anybody can call them. */
export interface Functions extends OpenedGuards {
  readonly pool: Pool;
  readonly catalogue: Catalogue;
  readonly releases: Releases;
  readonly deployer: Deployer;
  readonly keys: KeyRotation;
  readonly meter: Meter;
  readonly events: EventLog;
  readonly storage: StorageCapabilities;
  readonly accessKeys: AccessKeyStore;
  /** Ports that functions reach by no grant: those of the server itself. They may become known later. */
  readonly closedPorts: Set<number>;
}

/** Resolves when sandboxes are warm. Errors: CORDON_SANDBOX_UNAVAILABLE, CORDON_STORE_…. */
export async function openFunctions(
  state: State,
  isolation: Isolation,
  poolSize: number | undefined,
  closers: Closers,
): Promise<Functions> {
  const { store, objects, evidence } = state;
  const closedPorts = new Set<number>();
  let releases: Releases | null = null;
  const opened = await openEvents(
    state,
    { sources: () => releases?.sources ?? SourceTable.EMPTY, room: () => pool.inspection },
    closers,
  );
  const capabilities = await openCapabilities(state, opened, () => pool, closedPorts, closers);
  const { meter, storage, ...serving } = capabilities;
  const size = poolSize ?? LIMITS.poolSize.value;
  const pool: Pool = new Pool({ isolation, objects, evidence, ...serving, project: PROJECT, size });
  closers.add(() => pool.close());
  const warm = pool.open();
  warm.catch(() => undefined);
  if (!isolation.confines) recordUnsafe(evidence, isolation.name);

  const catalogue = await Catalogue.open({ store, sealer: state.sealer, findConflicts, clock: systemClock });
  const guarding = await openGuards(state, storage, closers);
  const { guards } = guarding;
  releases = new Releases(catalogue, pool, guards, compileRoutes);
  const deployer = await openDeployer(state, catalogue, pool, guards, isolation.confines, closers);
  const accessKeys = await AccessKeyStore.open({ store, vault: state.vault, clock: systemClock });
  closers.add(() => accessKeys.close());
  const keys = openKeys(state, storage, accessKeys, closers);
  await warm;
  const { events } = opened;
  const parts = { pool, catalogue, releases, deployer, keys, meter, events, storage, accessKeys };
  return { ...parts, closedPorts, ...guarding };
}

async function openDeployer(
  state: State,
  catalogue: Catalogue,
  checker: Pool,
  guards: RouteGuards,
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
    routes: (manifest) => guards.check(manifest),
    stagingFolder: stagingFolderFor(state.folder),
    confines,
    runtime: runtimeVersion(),
    clock: systemClock,
  });
  closers.add(() => deployer.close());
  return deployer;
}

/** The rotation of keys, over everything that is kept sealed. */
function openKeys(
  state: State,
  storage: StorageCapabilities,
  accessKeys: AccessKeyStore,
  closers: Closers,
): KeyRotation {
  const { store, vault } = state;
  const places = [
    state.secrets.place,
    state.objects.place,
    ...storage.sealedPlaces(vault),
    accessKeys.place,
    ...eventPlaces(store, vault, PROJECT),
    ...evidencePlaces(store, vault, PROJECT),
    ...deploymentPlaces(store, vault, PROJECT),
  ];
  const keys = new KeyRotation({ store, vault, places, master: state.masterKey, clock: systemClock });
  closers.add(() => keys.close());
  return keys;
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
