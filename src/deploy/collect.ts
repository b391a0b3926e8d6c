// The command line loads this alone, without the parts of the server beside it.
export { collect, createCollector } from './collect/index.ts';
export type { Collected, Collector } from './collect/index.ts';
