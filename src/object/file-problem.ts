import { CordonError } from '../contract/index.ts';

/** Why the disk did not do `what`, as an error of the port. */
export function problem(what: string, cause: unknown): CordonError {
  if (cause instanceof CordonError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const full = hasCode(cause, 'ENOSPC') || hasCode(cause, 'EDQUOT');
  return new CordonError(
    full ? 'CORDON_STORE_FULL' : 'CORDON_STORE_FAILED',
    full ? `Cannot ${what}: the disk is full.` : `Cannot ${what}: ${message}.`,
    { cause },
  );
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
