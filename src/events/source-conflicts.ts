import type { Manifest } from '../manifest/index.ts';

/** A queue or bucket that functions of two apps are run by. */
export interface SourceConflict {
  readonly kind: 'queue' | 'bucket';
  readonly name: string;
  readonly function: string;
  readonly otherApp: string;
  readonly otherFunction: string;
}

/**
 * Queues and buckets of a manifest that other apps take from already (live and canary alike; manifests of the same
 * app are skipped, as it replaces them). A queue has one consumer, and an app must not be told of the uploads of
 * another by naming its bucket. A caller refuses the deployment with CORDON_SOURCE_CONFLICT where the list is not empty.
 */
export function findSourceConflicts(candidate: Manifest, others: readonly Manifest[]): SourceConflict[] {
  const taken = new Map<string, { readonly app: string; readonly function: string }>();
  for (const other of others) {
    if (other.name === candidate.name) continue;
    for (const { key, function: fn } of claimsOf(other)) {
      if (!taken.has(key)) taken.set(key, { app: other.name, function: fn });
    }
  }
  const conflicts: SourceConflict[] = [];
  for (const { key, kind, name, function: fn } of claimsOf(candidate)) {
    const holder = taken.get(key);
    if (holder === undefined) continue;
    conflicts.push({ kind, name, function: fn, otherApp: holder.app, otherFunction: holder.function });
  }
  return conflicts;
}

interface Claim {
  readonly key: string;
  readonly kind: SourceConflict['kind'];
  readonly name: string;
  readonly function: string;
}

function claimsOf(manifest: Manifest): Claim[] {
  return manifest.functions.flatMap((fn) =>
    fn.sources.flatMap((source) => {
      if (source.kind === 'queue') return [claim('queue', source.queue, fn.name)];
      return source.kind === 'upload' ? [claim('bucket', source.bucket, fn.name)] : [];
    }),
  );
}

function claim(kind: SourceConflict['kind'], name: string, fn: string): Claim {
  return { key: `${kind}:${name}`, kind, name, function: fn };
}
