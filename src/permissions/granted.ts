import type { Capability } from './finding.ts';
import { methodsOf } from './fetch-pattern.ts';
import type { Grants } from '../manifest/index.ts';

/** One operation on one resource that a manifest grants. */
export interface GrantedOperation {
  readonly capability: Exclude<Capability, 'binding'>;
  readonly binding: string | null;
  readonly operation: string;
  /** Store, bucket, queue, function, type of an event, secret, URL pattern or `host:port`. */
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
  const { kv, bucket, queue, service, secret } = grants;
  return [
    ...ofBindings('kv', kv, ({ store }) => store),
    ...ofBindings('bucket', bucket, (grant) => grant.bucket),
    ...ofBindings('queue', queue, (grant) => grant.queue),
    ...ofBindings('service', service, (grant) => grant.function),
    ...ofPipes(grants),
    ...ofBindings('secret', secret, (grant) => grant.secret),
    ...ofFetch(grants),
    ...grants.connect.map(({ to, because }, index) => ({
      ...PLAIN,
      capability: 'connect' as const,
      operation: 'connect',
      resource: to,
      index,
      path: ['connect', index],
      because: because ?? null,
    })),
  ];
}

const PLAIN = { binding: null, prefix: null, index: 0 } as const;

/** Operations of kinds that have but one. */
const ONLY_OPERATION = { service: ['fetch'], secret: ['read'] } as const;

interface BindingGrant {
  readonly can?: readonly string[];
  readonly prefix?: string | undefined;
  readonly because?: string | undefined;
}

function ofBindings<T extends BindingGrant>(
  capability: 'kv' | 'bucket' | 'queue' | 'service' | 'secret',
  bindings: Readonly<Record<string, T>>,
  resourceOf: (grant: T) => string,
): GrantedOperation[] {
  return Object.entries(bindings).flatMap(([binding, grant]) => {
    const implied = capability === 'service' || capability === 'secret' ? ONLY_OPERATION[capability] : [];
    return (grant.can ?? implied).map((operation) => ({
      ...PLAIN,
      capability,
      binding,
      operation,
      resource: resourceOf(grant),
      prefix: grant.prefix ?? null,
      path: [capability, binding],
      because: grant.because ?? null,
    }));
  });
}

/** Each type of event is granted by itself. */
function ofPipes({ pipe }: Grants): GrantedOperation[] {
  return Object.entries(pipe).flatMap(([binding, { types, because }]) =>
    types.map((resource) => ({
      ...PLAIN,
      capability: 'pipe' as const,
      binding,
      operation: 'send',
      resource,
      path: ['pipe', binding],
      because: because ?? null,
    })),
  );
}

function ofFetch({ fetch }: Grants): GrantedOperation[] {
  return fetch.flatMap((grant, index) =>
    methodsOf(grant)
      // HEAD comes along with GET where no methods are named: see `standsFor`.
      .filter((method) => method !== 'HEAD' || grant.methods !== undefined)
      .map((operation) => ({
        ...PLAIN,
        capability: 'fetch' as const,
        operation,
        resource: grant.to,
        index,
        path: ['fetch', index],
        because: grant.because ?? null,
      })),
  );
}
