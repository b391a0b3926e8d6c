import { burst, coldStart } from './cold-start.ts';
import { devReload, serverStart } from './lifecycle.ts';
import type { Measurement } from './measurement.ts';
import { memory } from './memory.ts';
import { warm } from './warm.ts';

/** All measurements, in the order in which they run. */
export const MEASUREMENTS: readonly Measurement[] = [warm, coldStart, burst, memory, serverStart, devReload];
