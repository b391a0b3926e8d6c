import { spawn } from 'node:child_process';
import { CordonError, LIMITS } from '../../contract/index.ts';
import type { KeyContext, KeyWrapper } from '../port.ts';
import { answerBytes, parseAnswer } from './answer.ts';

const ERROR_OUTPUT_BYTES_MAX = 2048;
const INHERITED = ['PATH', 'HOME', 'LANG', 'TZ'];

export interface CommandKeyOptions {
  /** Names the master key that the program uses; part of the id. */
  readonly name: string;
  /** Absolute path; no shell is involved. */
  readonly program: string;
  readonly arguments?: readonly string[];
  /** Variables of the program beside PATH, HOME, LANG and TZ. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/**
 * A program that wraps keys. It reads `{"operation":"wrap"|"unwrap","project","version","data"}` from its
 * stdin, writes `{"data"}` to its stdout, both JSON with base64 data, and ends with 0. What it writes to
 * stderr goes into the details of the error.
 */
export function commandKeyWrapper(options: CommandKeyOptions): KeyWrapper {
  return {
    id: `command:${options.name}`,
    wrap: (dataKey, context) => run(options, 'wrap', dataKey, context),
    unwrap: (wrapped, context) => run(options, 'unwrap', wrapped, context),
  };
}

async function run(
  options: CommandKeyOptions,
  operation: 'wrap' | 'unwrap',
  data: Uint8Array,
  { project, version }: KeyContext,
): Promise<Uint8Array> {
  const input = JSON.stringify({ operation, project, version, data: Buffer.from(data).toString('base64') });
  const { status, output, errors, problem } = await runProgram(options, input);
  const details = { program: options.program, operation, status, stderr: errors };
  if (problem !== null) {
    throw new CordonError(
      'CORDON_KEY_UNAVAILABLE',
      `Cannot ${operation} a key: ${options.program} ${problem}.`,
      { details },
    );
  }
  if (status !== 0) {
    throw new CordonError(
      'CORDON_KEY_REFUSED',
      `Cannot ${operation} a key: ${options.program} ended with ${status}.`,
      { details },
    );
  }
  return answerBytes(parseAnswer(output, options.program), ['data'], 'base64', options.program);
}

interface Outcome {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
  /** Why it gave no answer, or null. */
  readonly problem: string | null;
}

function runProgram(options: CommandKeyOptions, input: string): Promise<Outcome> {
  const inherited = INHERITED.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  const child = spawn(options.program, options.arguments ?? [], {
    env: { ...(Object.fromEntries(inherited) as Record<string, string>), ...options.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return new Promise((resolve) => {
    const output: Buffer[] = [];
    let bytes = 0;
    let errors = '';
    let problem: string | null = null;
    const stop = (reason: string): void => {
      problem ??= reason;
      child.kill('SIGKILL');
      // A child of its own may hold the pipes open.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const timeoutMs = options.timeoutMs ?? LIMITS.keyCommandTimeoutMs.value;
    const timer = setTimeout(() => stop(`did not end within ${timeoutMs} ms`), timeoutMs);
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > LIMITS.keyAnswerBytesMax.value)
        stop(`wrote more than ${LIMITS.keyAnswerBytesMax.value} bytes`);
      else output.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(0, ERROR_OUTPUT_BYTES_MAX);
    });
    child.on('error', (error) => stop(`could not be run (${error.message})`));
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      if (signal !== null) problem ??= `was ended by ${signal}`;
      resolve({ status, output: Buffer.concat(output).toString(), errors, problem });
    });
    // A program that ends without reading says why by its status.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}
