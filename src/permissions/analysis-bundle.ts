/**
 * Options of esbuild for the bundle that is analysed: ES module, names and comments kept, modules of the runtime
 * left as imports. They go over the options of the bundle that is deployed, so that both hold the same modules.
 */
export const ANALYSIS_BUNDLE = {
  format: 'esm',
  minify: false,
  minifyWhitespace: false,
  minifySyntax: false,
  minifyIdentifiers: false,
  sourcemap: 'external',
  legalComments: 'none',
} as const;
