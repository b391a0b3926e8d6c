import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, type Clock } from '../contract/index.ts';
import { openSqliteStore, type Store } from '../store/index.ts';
import type { KeyWrapper, Vault } from './port.ts';
import { openVault, type VaultOptions } from './vault.ts';
import { LocalKeyWrapper } from './wrapper/local-key-wrapper.ts';

/** A master key that is the same in each process: 32 times this byte. */
export function localWrapper(byte = 1): KeyWrapper {
  return new LocalKeyWrapper('test', new Uint8Array(32).fill(byte));
}

export interface Place {
  readonly folder: string;
  readonly storePath: string;
  readonly store: Store;
  readonly vault: Vault;
  /** Opens another vault over the same store, with nothing in memory. */
  again(options?: Partial<VaultOptions>): Promise<Vault>;
  close(): Promise<void>;
}

/** A vault over a store of its own in a new folder. */
export async function openPlace(options: Partial<VaultOptions> = {}): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-vault-'));
  const storePath = join(folder, 'cordon.db');
  const store = await openSqliteStore({ path: storePath });
  const again = (more: Partial<VaultOptions> = {}): Promise<Vault> =>
    openVault({ store, wrapper: localWrapper(), ...options, ...more });
  return {
    folder,
    storePath,
    store,
    vault: await again(),
    again,
    async close() {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A clock that stands still until it is moved. */
export function manualClock(): Clock & { move(ms: number): void } {
  let passed = 0;
  const start = systemClock.now();
  return {
    now: () => start + passed,
    monotonic: () => passed,
    move(ms) {
      passed += ms;
    },
  };
}

/** Counts what a wrapper is asked, and can be made to fail. */
export function watched(
  wrapper: KeyWrapper,
): KeyWrapper & { wraps: number; unwraps: number; failure: Error | null } {
  const watch = {
    id: wrapper.id,
    wraps: 0,
    unwraps: 0,
    failure: null as Error | null,
    async wrap(...parameters: Parameters<KeyWrapper['wrap']>): Promise<Uint8Array> {
      watch.wraps += 1;
      if (watch.failure !== null) throw watch.failure;
      return wrapper.wrap(...parameters);
    },
    async unwrap(...parameters: Parameters<KeyWrapper['unwrap']>): Promise<Uint8Array> {
      watch.unwraps += 1;
      if (watch.failure !== null) throw watch.failure;
      return wrapper.unwrap(...parameters);
    },
  };
  return watch;
}

export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

/** The bytes in parts of this size. */
export async function* inParts(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}
