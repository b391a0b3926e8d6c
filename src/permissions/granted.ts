import type { Capability } from './finding.ts';
import { methodsOf } from './fetch-pattern.ts';
import type { Grants } from '../manifest/index.ts';

/** One operation on one resource that a manifest grants. */
export interface GrantedOperation {
  readonly capability: Exclude<Capability, 'binding'>;
  readonly binding: string | null;
  readonly operation: string;
  /** Store, bucket, queue, function, secret, URL pattern or `host:port`. */
  readonly resource: string;
  /** Keys that it covers; null for all, and where there are no keys. */
  readonly prefix: string | null;
  /** Position among the grants of `fetch` or `connect`, 0 elsewhere. */
  readonly index: number;
  /** Path inside of `grants`. */
  readonly path: readonly (string | number)[];
  /** The reason that the manifest gives. */
  readonly because: string | null;
}

/** Takes grants apart into operations. */
export function grantedOperations(grants: Grants): GrantedOperation[] {
  const found: GrantedOperation[] = [];
  const add = (
    operation: Pick<GrantedOperation, 'capability' | 'binding' | 'operation' | 'resource' | 'path'> &
      Partial<GrantedOperation>,
  ): void => {
    found.push({ prefix: null, index: 0, because: null, ...operation });
  };
  for (const [binding, grant] of Object.entries(grants.kv)) {
    for (const operation of grant.can)
      add({
        capability: 'kv',
        binding,
        operation,
        resource: grant.store,
        prefix: grant.prefix ?? null,
        because: grant.because ?? null,
        path: ['kv', binding],
      });
  }
  for (const [binding, grant] of Object.entries(grants.bucket)) {
    for (const operation of grant.can)
      add({
        capability: 'bucket',
        binding,
        operation,
        resource: grant.bucket,
        prefix: grant.prefix ?? null,
        because: grant.because ?? null,
        path: ['bucket', binding],
      });
  }
  for (const [binding, grant] of Object.entries(grants.queue)) {
    for (const operation of grant.can)
      add({
        capability: 'queue',
        binding,
        operation,
        resource: grant.queue,
        because: grant.because ?? null,
        path: ['queue', binding],
      });
  }
  for (const [binding, grant] of Object.entries(grants.service))
    add({
      capability: 'service',
      binding,
      operation: 'fetch',
      resource: grant.function,
      because: grant.because ?? null,
      path: ['service', binding],
    });
  for (const [binding, grant] of Object.entries(grants.secret))
    add({
      capability: 'secret',
      binding,
      operation: 'read',
      resource: grant.secret,
      because: grant.because ?? null,
      path: ['secret', binding],
    });
  for (const [index, grant] of grants.fetch.entries()) {
    for (const operation of methodsOf(grant)) {
      // HEAD comes along with GET where no methods are named.
      if (operation === 'HEAD' && grant.methods === undefined) continue;
      add({
        capability: 'fetch',
        binding: null,
        operation,
        resource: grant.to,
        index,
        because: grant.because ?? null,
        path: ['fetch', index],
      });
    }
  }
  for (const [index, grant] of grants.connect.entries())
    add({
      capability: 'connect',
      binding: null,
      operation: 'connect',
      resource: grant.to,
      index,
      because: grant.because ?? null,
      path: ['connect', index],
    });
  return found;
}
