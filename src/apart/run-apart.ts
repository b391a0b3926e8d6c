import { spawn } from 'node:child_process';

export interface WorkApart {
  /** Path of the module that reads its input to the end and writes its answer. */
  readonly program: string;
  readonly input: string;
  readonly timeoutMs: number;
  /** Of the JavaScript heap. */
  readonly memoryMiB: number;
  readonly outputBytesMax: number;
}

/** How it ended: with an answer, or by a signal or a failure. */
export type Ended =
  | { readonly ok: true; readonly output: string }
  | { readonly ok: false; readonly signal: NodeJS.Signals | null };

/** Runs a program of Cordon's own on an input that may be anyone's. Errors: where no process can be started. */
export function runApart({
  program,
  input,
  timeoutMs,
  memoryMiB,
  outputBytesMax,
}: WorkApart): Promise<Ended> {
  const child = spawn(process.execPath, [`--max-old-space-size=${memoryMiB}`, program], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {},
    cwd: '/',
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > outputBytesMax) child.kill('SIGKILL');
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
      if (exitCode === 0) resolve({ ok: true, output: Buffer.concat(chunks).toString('utf8') });
      else resolve({ ok: false, signal });
    });
    child.stdin.end(input);
  });
}
