import { SourceMap } from 'node:module';
import type { Place } from './finding.ts';

export type SourceMapPayload = ConstructorParameters<typeof SourceMap>[0];

/** Turns offsets in a bundle into places in the sources. */
export interface Places {
  readonly at: (offset: number) => Place;
  /** File that the last mapping inside of a range is about; null when none is inside. */
  readonly lastFileWithin: (start: number, end: number) => string | null;
}

export function placesOf(code: string, payload: SourceMapPayload | undefined): Places {
  const starts = [0];
  for (let at = code.indexOf('\n'); at !== -1; at = code.indexOf('\n', at + 1)) starts.push(at + 1);
  const map = payload === undefined ? null : new SourceMap(payload);
  return {
    at: (offset) => {
      const line = lineOf(starts, offset);
      const column = offset - (starts[line] ?? 0);
      const entry = map?.findEntry(line, column);
      if (entry === undefined || !('originalSource' in entry))
        return { file: 'bundle', line: line + 1, column: column + 1 };
      return { file: entry.originalSource, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
    },
    lastFileWithin: (start, end) => {
      const line = lineOf(starts, end - 1);
      const entry = map?.findEntry(line, end - 1 - (starts[line] ?? 0));
      if (entry === undefined || !('originalSource' in entry)) return null;
      const at = (starts[entry.generatedLine] ?? 0) + entry.generatedColumn;
      return at < start ? null : entry.originalSource;
    },
  };
}

function lineOf(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
