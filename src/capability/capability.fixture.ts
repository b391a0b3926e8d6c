import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../contract/index.ts';
import type { CordonError } from '../contract/index.ts';
import { openEventLog } from '../events/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { CallReply, GuestCall } from '../instance/index.ts';
import { NO_GRANTS } from '../manifest/index.ts';
import type { Grants } from '../manifest/index.ts';
import { openFileStreamedObjects } from '../object/index.ts';
import { openSqliteStore } from '../store/index.ts';
import { openFileKeyWrapper, openVault } from '../vault/index.ts';
import type { Vault } from '../vault/index.ts';
import { openStorageCapabilities } from './index.ts';
import type { CallerContext, Capability, StorageCapabilities, StorageEnvironment } from './index.ts';

export const GRANTS: Grants = {
  ...NO_GRANTS,
  kv: {
    KV: { store: 'kv', can: ['get', 'put', 'delete', 'list'] },
    PART: { store: 'part', can: ['get'], prefix: 'orders/' },
  },
  bucket: { BUCKET: { bucket: 'bucket', can: ['get', 'head', 'put', 'delete', 'list'] } },
  queue: { QUEUE: { queue: 'queue', can: ['send'] } },
  service: { NEXT: { function: 'next' } },
};

export const CONTEXT: CallerContext = {
  project: 'default',
  app: 'app',
  function: 'f',
  deployment: 'd',
  instance: 'ins_test',
  grants: GRANTS,
};

export const noEvidence: Evidence & { readonly lines: string[] } = {
  lines: [],
  log(line) {
    this.lines.push(line.message);
  },
  record() {},
  logs: () => Promise.resolve([]),
  events: () => Promise.resolve([]),
  follow: () => () => undefined,
  flush: () => Promise.resolve(),
};

export interface Stored extends StorageEnvironment {
  readonly vault: Vault;
  readonly folder: string;
  readonly storage: StorageCapabilities;
  /** Closes it as a crash would leave it, and opens it again. */
  reopen(): Promise<Stored>;
  close(): Promise<void>;
}

/** The capabilities that keep data, over a store, files and a vault in a folder of their own. */
export async function openStored(given?: string, isOwner = given === undefined): Promise<Stored> {
  const clock = systemClock;
  const folder = given ?? (await mkdtemp(join(tmpdir(), 'cordon-capability-')));
  const store = await openSqliteStore({ path: join(folder, 'cordon.db') });
  const objects = await openFileStreamedObjects({ path: join(folder, 'streamed') });
  const wrapper = openFileKeyWrapper({ path: join(folder, 'master.key'), create: true });
  const vault = await openVault({ store, wrapper, clock });
  const events = await openEventLog({ store, sealer: vault, clock, evidence: noEvidence });
  const environment = { store, objects, sealer: vault, clock, evidence: noEvidence, events };
  const storage = await openStorageCapabilities(environment);
  const end = async (): Promise<void> => {
    await storage.close();
    await events.close();
    await store.close();
  };
  return {
    ...environment,
    vault,
    folder,
    storage,
    async reopen() {
      await end();
      return openStored(folder, isOwner);
    },
    async close() {
      await end();
      // A folder that was given is its giver's to remove.
      if (isOwner) await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface Answer {
  readonly value: unknown;
  readonly body: Buffer;
  readonly error: CordonError | null;
}

export function callOf(capability: string, binding: string, operation: string, args: unknown): GuestCall {
  return { capability, binding, operation, args, request: 'req_test', requestHeaders: [], hops: 0 };
}

/** Has a capability serve a call, with a guest that takes everything at once. */
export function serve(
  capabilities: readonly Capability[],
  call: GuestCall,
  body: readonly Uint8Array[] = [],
  context: CallerContext = CONTEXT,
): Promise<Answer> {
  const capability = capabilities.find(({ name }) => name === call.capability);
  if (capability === undefined) throw new Error(`There is no ${call.capability}.`);
  return new Promise((resolve) => {
    let value: unknown = null;
    const pieces: Uint8Array[] = [];
    const done = (error: CordonError | null): void => resolve({ value, body: Buffer.concat(pieces), error });
    const reply: CallReply = {
      head(given, first, last) {
        value = given;
        if (first !== null) pieces.push(first);
        if (last) done(null);
      },
      write(chunk) {
        pieces.push(chunk);
        return true;
      },
      end: () => done(null),
      fail: (error: CordonError) => done(error),
      consumed() {},
    };
    const handler = capability.serve(context, call, reply);
    for (const chunk of body) handler.data(chunk);
    handler.end();
  });
}
