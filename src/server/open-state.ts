import { join } from 'node:path';
import { systemClock } from '../contract/index.ts';
import { PROJECT } from '../control/index.ts';
import { createEvidence, createServerLog } from '../evidence/index.ts';
import type { Evidence } from '../evidence/index.ts';
import { openFileObjectStore, openFileStreamedObjects } from '../object/index.ts';
import type { StreamedObjects } from '../object/index.ts';
import { SecretStore } from '../secrets/index.ts';
import type { MasterKeyFile } from '../secrets/index.ts';
import { openDataFolder, openSqliteStore } from '../store/index.ts';
import type { Store } from '../store/index.ts';
import { openVault, sealedObjectStore, textSealer } from '../vault/index.ts';
import type { SealedObjectStore, TextSealer, Vault } from '../vault/index.ts';
import type { Closers } from './closers.ts';
import { openMasterKey } from './master-key.ts';

/** What a server keeps, all of it sealed under the master key. */
export interface State {
  readonly folder: string;
  readonly store: Store;
  readonly vault: Vault;
  /** For texts in rows. */
  readonly sealer: TextSealer;
  readonly secrets: SecretStore;
  /** Bundles and what belongs to them. */
  readonly objects: SealedObjectStore;
  /** Contents of buckets, and values too large for a row. */
  readonly streamed: StreamedObjects;
  readonly evidence: Evidence;
  /** Null where the master key is not a file of Cordon's own. */
  readonly masterKey: MasterKeyFile | null;
}

/** Errors: CORDON_DATA_…, CORDON_STORE_…, CORDON_KEY_…. */
export async function openState(directory: string, closers: Closers): Promise<State> {
  const log = createServerLog({ stream: process.stderr });
  const folder = openDataFolder(directory);
  closers.add(() => folder.close());
  const store = await openSqliteStore({ path: folder.storePath });
  closers.add(() => store.close());
  const { wrapper, previousWrappers, file } = await openMasterKey(store, folder.path, process.env);
  const vault = await openVault({
    store,
    wrapper,
    previousWrappers,
    clock: systemClock,
  });
  const objects = sealedObjectStore({
    objects: await openFileObjectStore({ path: folder.objectsPath }),
    store,
    vault,
    project: PROJECT,
  });
  const streamed = await openFileStreamedObjects({ path: join(folder.path, 'streamed') });
  const sealer = textSealer(vault, PROJECT);
  const evidence = createEvidence({
    store,
    clock: systemClock,
    sealer,
    onStoreHealth: (err) => {
      if (err === null) log.info({}, 'Evidence is written again.');
      else log.error({ err }, 'Evidence cannot be written; it waits.');
    },
  });
  closers.add(() =>
    evidence.flush().catch((err: unknown) => log.error({ err }, 'The last evidence could not be written.')),
  );
  const secrets = new SecretStore({ store, vault, clock: systemClock });
  return { folder: folder.path, store, vault, sealer, secrets, objects, streamed, evidence, masterKey: file };
}
