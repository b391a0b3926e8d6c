import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { AnalyseOptions } from './analyse.ts';
import type { Finding, UnknownReason } from './finding.ts';

const MEMORY_MIB_MAX = 768;
const TIME_MS_MAX = 15_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/**
 * `analyse` in a process of its own, for code that is not your own: what overflows the stack of the parser or
 * uses up memory or time ends that process, and is an `unknown` here. Never rejects for what the code is.
 */
export function analyseApart(code: string, options: AnalyseOptions = {}): Promise<Finding[]> {
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${MEMORY_MIB_MAX}`, join(import.meta.dirname, 'analyse-process.ts')],
    { stdio: ['pipe', 'pipe', 'ignore'], env: {}, cwd: '/' },
  );
  const timer = setTimeout(() => child.kill('SIGKILL'), TIME_MS_MAX);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > OUTPUT_BYTES_MAX) child.kill('SIGKILL');
      else chunks.push(chunk);
    });
    // The process may end before it has read everything.
    child.stdin.on('error', () => {});
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (exitCode, signal) => {
      clearTimeout(timer);
      if (exitCode === 0) resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')) as Finding[]);
      else resolve([unseen(signal === 'SIGSEGV' ? 'code-too-deep' : 'analysis-cut')]);
    });
    child.stdin.end(JSON.stringify({ code, options }));
  });
}

function unseen(reason: UnknownReason): Finding {
  return { kind: 'unknown', reason, detail: '', place: { file: 'bundle', line: 1, column: 1 } };
}
