import { timingSafeEqual } from 'node:crypto';
import { CordonError, LIMITS } from '../contract/index.ts';
import type { Keyrings } from './keyrings.ts';
import type { KeyWrapper, MasterRotationProgress, WorkOptions } from './port.ts';

/**
 * Wraps all data keys with `next`: one after the other into a table beside, then all in force in one
 * transaction. A rotation that was interrupted goes on with what it has staged.
 */
export async function rotateMaster(
  keyrings: Keyrings,
  next: KeyWrapper,
  { onProgress, signal }: WorkOptions<MasterRotationProgress>,
): Promise<number> {
  const { table } = keyrings;
  keyrings.knowWrapper(next);
  await table.clearStaged(next.id);
  for (;;) {
    await stageAll(keyrings, next, { ...(onProgress && { onProgress }), ...(signal && { signal }) });
    signal?.throwIfAborted();
    try {
      await table.adopt(next.id);
    } catch (error) {
      // A data key was made meanwhile.
      if (error instanceof CordonError && error.code === 'CORDON_STORE_CONFLICT') continue;
      throw error;
    }
    keyrings.useWrapper(next);
    // One that was being made may still have been wrapped by the old master key.
    await keyrings.settled();
    if ((await table.wrappers()).every((id) => id === next.id)) return table.count();
  }
}

async function stageAll(
  keyrings: Keyrings,
  next: KeyWrapper,
  { onProgress, signal }: WorkOptions<MasterRotationProgress>,
): Promise<void> {
  const { table } = keyrings;
  for (;;) {
    const rows = await table.unstaged(next.id, LIMITS.resealBatchMax.value);
    if (rows.length === 0) return;
    for (const row of rows) {
      signal?.throwIfAborted();
      const bytes = await keyrings.unwrap(row);
      try {
        const context = { project: row.project, version: row.version };
        const wrapped = await next.wrap(bytes, context);
        await checkWrapped(next, wrapped, bytes, context);
        await table.stage(context, next.id, wrapped).catch(ignoreConflict);
      } finally {
        bytes.fill(0);
      }
      if (onProgress !== undefined) onProgress(await progressOf(keyrings, next));
    }
  }
}

async function progressOf({ table }: Keyrings, next: KeyWrapper): Promise<MasterRotationProgress> {
  const [total, left] = await Promise.all([table.count(), table.countUnstaged(next.id)]);
  return { done: total - left, total };
}

/** Data is lost when a master key cannot unwrap what it wrapped, so that is known before the old one goes. */
async function checkWrapped(
  wrapper: KeyWrapper,
  wrapped: Uint8Array,
  bytes: Uint8Array,
  context: { project: string; version: number },
): Promise<void> {
  const again = await wrapper.unwrap(wrapped, context);
  const isSame = again.byteLength === bytes.byteLength && timingSafeEqual(again, bytes);
  again.fill(0);
  if (!isSame) {
    throw new CordonError(
      'CORDON_KEY_REFUSED',
      `The master key ${wrapper.id} does not unwrap what it wrapped.`,
    );
  }
}

/** The data key was shredded, or another rotation staged it. */
function ignoreConflict(error: unknown): void {
  if (!(error instanceof CordonError) || error.code !== 'CORDON_STORE_CONFLICT') throw error;
}
