/**
 * Isolation of code that is not trusted. It promises that what runs in a sandbox reaches nothing but its
 * channel and cannot take more than its limits; the kernel enforces both. It refuses to start where a part
 * of the wall is missing, rather than start without it.
 */
import { join } from 'node:path';
import { BubblewrapIsolation } from './bubblewrap/adapter.ts';
import type { Isolation } from './port.ts';
import { UnsandboxedIsolation } from './unsandboxed/adapter.ts';

export { syscallTableMarkdown } from './bubblewrap/syscalls.ts';
export { bubblewrapRequirements } from './requirements.ts';
export { buildHarness } from './runtime-root.ts';
export { confinedTool, toolUserId } from './tool.ts';
export type { ConfinedToolOptions } from './tool.ts';
export type {
  ExitReason,
  Isolation,
  Requirement,
  Sandbox,
  SandboxExit,
  SandboxLimits,
  SandboxUsage,
} from './port.ts';

/** Where runtime roots of the root user lie: every sandbox user can read it, and only root can write it. */
const SYSTEM_RUNTIME_DIRECTORY = '/var/lib/cordon/runtime';

/**
 * Isolation by bubblewrap. `harness`: source of the guest's harness. `runtimeDirectory`: folder for the
 * runtime; default a system folder for root, which the sandboxes' users can read, else below the home folder.
 */
export function createBubblewrapIsolation(options: {
  readonly harness: string;
  readonly runtimeDirectory?: string;
}): Isolation {
  const own =
    process.getuid?.() === 0
      ? SYSTEM_RUNTIME_DIRECTORY
      : join(process.env['HOME'] ?? '/tmp', '.cache/cordon/runtime');
  return new BubblewrapIsolation({
    harness: options.harness,
    runtimeDirectory: options.runtimeDirectory ?? own,
  });
}

/** No isolation at all, for `--unsafe-no-sandbox`. */
export function createUnsandboxedIsolation(options: { readonly harness: string }): Isolation {
  return new UnsandboxedIsolation(options);
}
