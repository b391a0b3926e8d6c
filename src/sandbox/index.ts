/**
 * Isolation of code that is not trusted. It promises that what runs in a sandbox reaches nothing but its
 * channel and cannot take more than its limits; the kernel enforces both. It refuses to start where a part
 * of the wall is missing, rather than start without it.
 */
export { createBubblewrapIsolation } from './bubblewrap/bubblewrap-isolation.ts';
export type { BubblewrapOptions } from './bubblewrap/bubblewrap-isolation.ts';
export { bubblewrapRequirements } from './bubblewrap/requirements.ts';
export { syscallTableMarkdown } from './bubblewrap/syscalls.ts';
export { createUnsandboxedIsolation } from './unsandboxed/unsandboxed-isolation.ts';
export type { UnsandboxedOptions } from './unsandboxed/unsandboxed-isolation.ts';
export { buildHarness } from './harness.ts';
export { confinedTool } from './tool.ts';
export type { ConfinedToolOptions } from './tool.ts';
export { toolUserId } from './user-ids.ts';
export type {
  ExitReason,
  Isolation,
  Requirement,
  Sandbox,
  SandboxExit,
  SandboxLimits,
  SandboxUsage,
} from './port.ts';
