import { SourceMap } from 'node:module';
import type { BundleFormat } from './bundle-settings.ts';

/** Characters that the guest's loader puts before a script, on its first line. */
const SCRIPT_PREFIX_LENGTH = '(function(exports,require,module){'.length;

type SourceMapPayload = ConstructorParameters<typeof SourceMap>[0];

interface Mappable {
  readonly format: BundleFormat;
  readonly sourceMap: Uint8Array;
}

/**
 * Replaces places in a bundle by places in the sources. `place` is the first of them as ` (at file:line:column)`,
 * or empty. A stack comes from a guest: what does not map is left as it is.
 */
export function mapStack(
  stack: string,
  bundle: Mappable,
  name: string,
): { readonly stack: string; readonly place: string } {
  const map = new SourceMap(JSON.parse(new TextDecoder().decode(bundle.sourceMap)) as SourceMapPayload);
  let first = '';
  const mapped = stack.replace(
    /([\w-]+)\.js:(\d{1,7}):(\d{1,9})/g,
    (whole, file: string, line: string, column: string) => {
      if (file !== name) return whole;
      const prefix = bundle.format === 'script' && line === '1' ? SCRIPT_PREFIX_LENGTH : 0;
      const entry = map.findEntry(Number(line) - 1, Number(column) - 1 - prefix);
      if (!('originalSource' in entry)) return whole;
      const place = `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
      if (first === '') first = place;
      return place;
    },
  );
  return { stack: mapped, place: first === '' ? '' : ` (at ${first})` };
}
