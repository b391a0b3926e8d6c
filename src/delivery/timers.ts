import type { Timers } from './port.ts';

/** Longest wait of `setTimeout`, ms: it takes a longer one for none. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** Those of the process, which they do not keep alive. A longer wait than they can ends early, so that it is looked at again. */
export const systemTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, Math.min(Math.max(0, ms), TIMEOUT_MS_MAX));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
