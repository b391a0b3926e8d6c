import { join } from 'node:path';
import { openFileStreamedObjects, type StreamedObjects } from '../src/object/index.ts';
import { openSqliteStore, type Store } from '../src/store/index.ts';
import { openFileKeyWrapper, openVault, type Vault } from '../src/vault/index.ts';
import type { Workplace } from './workplace.ts';

/** What the state of a server is kept in, opened in this process. */
export interface Sealed {
  readonly store: Store;
  readonly objects: StreamedObjects;
  readonly vault: Vault;
}

/** Opens it in a folder of its own. It ends with the workplace. */
export async function openSealed(place: Workplace): Promise<Sealed> {
  const folder = await place.newFolder('state');
  const store = await openSqliteStore({ path: join(folder, 'cordon.db') });
  place.defer(() => store.close());
  const objects = await openFileStreamedObjects({ path: join(folder, 'streamed') });
  const wrapper = openFileKeyWrapper({ path: join(folder, 'master.key'), create: true });
  return { store, objects, vault: await openVault({ store, wrapper }) };
}
