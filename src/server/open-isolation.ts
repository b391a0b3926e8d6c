import { buildHarness, createBubblewrapIsolation, createUnsandboxedIsolation } from '../sandbox/index.ts';
import type { Isolation } from '../sandbox/index.ts';
import type { Closers } from './closers.ts';

/** Begins to make sandboxes possible, beside what else a start has to do. Errors: CORDON_SANDBOX_UNAVAILABLE. */
export function prepareIsolation(unsafeNoSandbox: boolean, closers: Closers): Promise<Isolation> {
  const isolating = prepare(unsafeNoSandbox);
  isolating.catch(() => undefined);
  closers.add(() =>
    isolating.then(
      (made) => made.close(),
      () => undefined,
    ),
  );
  return isolating;
}

async function prepare(unsafeNoSandbox: boolean): Promise<Isolation> {
  const harness = await buildHarness();
  const isolation = unsafeNoSandbox
    ? createUnsandboxedIsolation({ harness })
    : createBubblewrapIsolation({ harness });
  await isolation.prepare();
  return isolation;
}
