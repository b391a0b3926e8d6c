import { CordonError, Secret, systemClock } from '../contract/index.ts';
import type { Evidence } from '../evidence/index.ts';
import { MemoryCounters, ValkeyCounters } from '../rate/index.ts';
import type { Counters } from '../rate/index.ts';
import type { Closers } from './closers.ts';

const NOBODY = { app: null, function: null, instance: null, request: null } as const;

/**
 * Where the rates of routes are counted, as the environment says:
 *
 * - nothing: in this process.
 * - `CORDON_COUNTERS_URL`: in Valkey or Redis, `rediss://user:password@host:port/database`, for several nodes;
 *   taken out of the environment, as it may hold a password.
 * - `CORDON_COUNTERS_FALLBACK`: what holds while that is gone: `local` (the default), each node counts by
 *   itself; `closed`, nobody passes a route with a rate.
 *
 * Errors: CORDON_COUNTERS_INVALID.
 */
export async function openCounters(
  environment: NodeJS.ProcessEnv,
  evidence: Evidence,
  closers: Closers,
): Promise<Counters> {
  const url = environment['CORDON_COUNTERS_URL'] ?? '';
  const fallback = environment['CORDON_COUNTERS_FALLBACK'] ?? 'local';
  delete environment['CORDON_COUNTERS_URL'];
  if (fallback !== 'local' && fallback !== 'closed') {
    const message = `CORDON_COUNTERS_FALLBACK is ${JSON.stringify(fallback)}: it is local or closed.`;
    throw new CordonError('CORDON_COUNTERS_INVALID', message);
  }
  if (url === '') return new MemoryCounters({ clock: systemClock });
  const counters = new ValkeyCounters({
    url: new Secret(url),
    fallback,
    clock: systemClock,
    changed: (up, reason) =>
      evidence.record({
        ...NOBODY,
        kind: 'platform.degraded',
        severity: up ? 'info' : 'medium',
        reason: up ? 'counters back' : 'counters gone',
        detail: { cause: reason, fallback },
      }),
  });
  closers.add(() => counters.close());
  await counters.open();
  return counters;
}
