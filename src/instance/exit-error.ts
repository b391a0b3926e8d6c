import { CordonError } from '../contract/index.ts';
import type { SandboxExit } from '../sandbox/index.ts';

/** What the caller of a request hears when the instance ended under it. */
export function exitError(exit: SandboxExit): CordonError {
  const memory = exit.reason === 'memory' || /out of memory/i.test(exit.stderr);
  const code = memory ? 'CORDON_FUNCTION_MEMORY' : 'CORDON_FUNCTION_CRASHED';
  return new CordonError(code, undefined, {
    details: { reason: exit.reason, code: exit.code, signal: exit.signal },
  });
}

/** What a boot hears when the sandbox ended before it was ready. */
export function bootError(exit: SandboxExit): CordonError {
  const message = `The sandbox ended before it was ready: ${exit.reason}.`;
  return new CordonError('CORDON_SANDBOX_FAILED', message, { details: { ...exit } });
}
