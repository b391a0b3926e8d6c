/** Timers as the host sees them; tests give their own. */
export interface Timers {
  /** Calls back once after a time in ms, unless the returned function is called before. */
  after(ms: number, callback: () => void): () => void;
}

export const systemTimers: Timers = {
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
