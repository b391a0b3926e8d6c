import { join } from 'node:path';
import { runApart } from '../apart/index.ts';
import type { AnalyseOptions } from './analyse.ts';
import type { Finding, UnknownReason } from './finding.ts';

const MEMORY_MIB_MAX = 768;
const TIME_MS_MAX = 15_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/**
 * `analyse` in a process of its own, for code that is not your own: what overflows the stack of the parser or
 * uses up memory or time ends that process, and is an `unknown` here. Never rejects for what the code is.
 */
export async function analyseApart(code: string, options: AnalyseOptions = {}): Promise<Finding[]> {
  const ended = await runApart({
    program: join(import.meta.dirname, 'analyse-process.ts'),
    input: JSON.stringify({ code, options }),
    timeoutMs: TIME_MS_MAX,
    memoryMiB: MEMORY_MIB_MAX,
    outputBytesMax: OUTPUT_BYTES_MAX,
  });
  if (ended.ok) return JSON.parse(ended.output) as Finding[];
  return [unseen(ended.signal === 'SIGSEGV' ? 'code-too-deep' : 'analysis-cut')];
}

function unseen(reason: UnknownReason): Finding {
  return { kind: 'unknown', reason, detail: '', place: { file: 'bundle', line: 1, column: 1 } };
}
