/** How finely evaluation tells things apart. Coarser sees more uses than there are, never fewer. */
export const PRECISION = {
  /** Contexts in which one function is told apart; later calls share one. */
  contexts: 12,
  /** The same for functions of a few lines, which are the ones that many call. */
  contextsOfSmall: 24,
  /** The same for what the bundler wrote, which is called for every module. */
  contextsOfBundler: 2000,
  /** Length of a function of a few lines, in characters. */
  smallLength: 400,
  /** Frames of all functions together. */
  frames: 30_000,
  /** Calls back that make a context. */
  calls: 4,
  /** Objects of one place that are told apart; one more stands for all others. */
  objects: 12,
  /** Objects that were made in the context of objects, and so on. */
  generations: 3,
  /** Elements that one loop or callback is evaluated for on their own. */
  rounds: 32,
  /** Texts and numbers in one place, before only their common beginning is kept. */
  constants: 48,
  /** Characters of a text that are kept. */
  textLength: 2048,
} as const;
