/**
 * Work on what is hostile to its own reader, in a process of its own. Promises that whatever happens there,
 * the time and the memory that it takes are bounded, and that it gets nothing of this process: no environment,
 * no folder, no descriptors but its input and its output.
 */
export { runApart } from './run-apart.ts';
export type { Ended, WorkApart } from './run-apart.ts';
