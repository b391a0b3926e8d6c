/** Reads `{ code, options }` from its input, and writes the findings. Started by `analyseApart`. */
import { text } from 'node:stream/consumers';
import { analyse, type AnalyseOptions } from './analyse.ts';

const { code, options } = JSON.parse(await text(process.stdin)) as {
  readonly code: string;
  readonly options: AnalyseOptions;
};
process.stdout.write(JSON.stringify(analyse(code, options)));
