import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { run, type RunOptions } from './run.ts';

/** What one command line did. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunInput extends Partial<RunOptions> {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly stdin?: string | Uint8Array;
  /** Stdin says that it is a terminal. */
  readonly stdinTty?: boolean;
  /** Both streams say that they are terminals. */
  readonly tty?: boolean;
  /** Called with all of stdout so far, whenever it grows. */
  readonly onOutput?: (stdout: string) => void;
}

class Capture extends Writable {
  text = '';
  readonly isTTY: boolean;
  readonly #onText: (text: string) => void;

  constructor(tty: boolean, onText: (text: string) => void) {
    super({ decodeStrings: false });
    this.isTTY = tty;
    this.#onText = onText;
  }

  override _write(chunk: string | Uint8Array, _encoding: string, done: () => void): void {
    this.text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    this.#onText(this.text);
    done();
  }
}

/** Runs one command line in this process. */
export async function cordon(argv: readonly string[], input: RunInput = {}): Promise<Outcome> {
  const stdout = new Capture(input.tty ?? false, (text) => input.onOutput?.(text));
  const stderr = new Capture(input.tty ?? false, () => undefined);
  const stdin = input.stdin === undefined ? new PassThrough() : Readable.from([Buffer.from(input.stdin)]);
  const { startServer, requirements, untilStopped } = input;
  const code = await run(
    argv,
    {
      stdout,
      stderr,
      stdin: Object.assign(stdin, { isTTY: input.stdinTty ?? false }),
      env: input.env ?? {},
      cwd: input.cwd ?? process.cwd(),
    },
    {
      untilStopped: untilStopped ?? (() => AbortSignal.abort('SIGTERM')),
      ...(startServer === undefined ? {} : { startServer }),
      ...(requirements === undefined ? {} : { requirements }),
    },
  );
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** A folder that is removed when the returned function is called. */
export async function temporaryFolder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'cordon-cli-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
