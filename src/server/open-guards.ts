import type { StorageCapabilities } from '../capability/index.ts';
import { systemClock } from '../contract/index.ts';
import { PROJECT } from '../control/index.ts';
import { SystemResolver } from '../egress/index.ts';
import { Authenticators, RouteGuards } from '../gateway/index.ts';
import { ApiKeyStore, EndedSessions, FailureCounter, KeySets } from '../identity/index.ts';
import type { KeySetHealth } from '../identity/index.ts';
import type { ResourceLookup } from '../policy/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { Closers } from './closers.ts';
import { openCounters } from './open-counters.ts';
import type { State } from './open-state.ts';

/** What guards routes, and what the control API needs of it. */
export interface OpenedGuards {
  readonly guards: RouteGuards;
  readonly authenticators: Authenticators;
  readonly apiKeys: ApiKeyStore;
  readonly lookup: ResourceLookup;
}

/** Opens what guards the routes of all apps. */
export async function openGuards(
  { store, vault, secrets, evidence }: State,
  storage: StorageCapabilities,
  closers: Closers,
): Promise<OpenedGuards> {
  const clock = systemClock;
  const resolver = new SystemResolver();
  const apiKeys = await ApiKeyStore.open({ store, clock });
  closers.add(() => apiKeys.close());
  const ended = await EndedSessions.open({ store, project: PROJECT, clock });
  const authenticators = new Authenticators({
    project: PROJECT,
    keySets: new KeySets({
      resolver,
      clock,
      changed: (issuer, health) => recordIssuer(evidence, issuer, health),
    }),
    apiKeys,
    ended,
    vault,
    resolver,
    secret: (name) => secrets.get(PROJECT, name),
    clock,
  });
  closers.add(() => authenticators.close());
  const counters = await openCounters(process.env, evidence, closers);
  const lookup: ResourceLookup = (name, key) => storage.readKvJson({ project: PROJECT, store: name, key });
  const guards = new RouteGuards({
    project: PROJECT,
    authenticators,
    failures: new FailureCounter(clock),
    counters,
    lookup,
    evidence,
    clock,
  });
  return { guards, authenticators, apiKeys, lookup };
}

/** The keys of an issuer are out of reach, and those that are known go on for a time; or they are there again. */
function recordIssuer(evidence: Evidence, issuer: string, health: KeySetHealth): void {
  const isBack = health.lastFailure === null;
  evidence.record({
    app: null,
    function: null,
    instance: null,
    request: null,
    kind: 'platform.degraded',
    severity: isBack ? 'info' : 'medium',
    reason: isBack ? 'issuer back' : 'issuer gone',
    detail: { issuer, cause: health.lastFailure, keys: health.keys },
  });
}
