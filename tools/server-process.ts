/** Runs the `cordon` command as a person would: as child processes, with state in a folder of their own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';

const COMMAND = join(import.meta.dirname, '../bin/cordon');
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
/** Of what a command wrote; the end is kept. */
const OUTPUT_CHARS_MAX = 1_000_000;

const readySchema = z.object({
  event: z.literal('ready'),
  gatewayUrl: z.string(),
  controlUrl: z.string(),
  s3Url: z.string(),
  isolation: z.string(),
  ms: z.number(),
});
const eventSchema = z.object({ event: z.string() });
type Ready = z.output<typeof readySchema>;

/** How a command ended. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder for one server and its user: state, credentials, home. */
export class Home {
  readonly folder: string;
  /** Further variables of the environment of commands. */
  readonly variables: Record<string, string> = {};

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<Home> {
    return new Home(await mkdtemp(join(tmpdir(), 'cordon-home-')));
  }

  get dataDirectory(): string {
    return join(this.folder, 'data');
  }

  /** The environment of commands: nothing of the machine's own Cordon. */
  get env(): NodeJS.ProcessEnv {
    const { CORDON_URL: _url, CORDON_TOKEN: _token, CORDON_DATA: _data, ...env } = process.env;
    return {
      ...env,
      HOME: this.folder,
      XDG_CONFIG_HOME: join(this.folder, 'config'),
      NO_COLOR: '1',
      // One that is installed here need not run.
      CORDON_CLAMD_CONFIG: 'off',
      ...this.variables,
    };
  }

  /** Starts a command and leaves it running. */
  spawn(args: readonly string[]): ChildProcess {
    return spawn(COMMAND, args, { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Runs a command to its end. Never throws for an exit code. */
  async run(...args: readonly string[]): Promise<CommandResult> {
    const child = this.spawn(args);
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    await once(child, 'close');
    return { code: child.exitCode, stdout: stdout(), stderr: stderr() };
  }

  /** Runs a command with `--json` and returns each line of its output. Throws when it fails. */
  async json(...args: readonly string[]): Promise<unknown[]> {
    const { code, stdout, stderr } = await this.run(...args, '--json');
    if (code !== 0) throw new Error(`cordon ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line): unknown => JSON.parse(line));
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A server that runs as a process of its own. */
export class ServerProcess {
  readonly home: Home;
  readonly gatewayUrl: string;
  readonly controlUrl: string;
  readonly s3Url: string;
  readonly isolation: string;
  /** From the start of the process until it was ready, by its own clock. */
  readonly readyMs: number;
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #stderr: () => string;

  private constructor(
    home: Home,
    child: ChildProcess,
    io: { closed: Promise<unknown>; stderr: () => string },
    ready: Ready,
  ) {
    this.home = home;
    this.#stderr = io.stderr;
    this.#child = child;
    this.#closed = io.closed;
    this.gatewayUrl = ready.gatewayUrl.replace(/\/$/, '');
    this.controlUrl = ready.controlUrl.replace(/\/$/, '');
    this.s3Url = ready.s3Url.replace(/\/$/, '');
    this.isolation = ready.isolation;
    this.readyMs = ready.ms;
  }

  /** Starts `cordon up` on free ports, or on those of the server `after`. Throws with its stderr when it does not get ready. */
  static async start(
    home: Home,
    options: { after?: ServerProcess; args?: readonly string[] } = {},
  ): Promise<ServerProcess> {
    const { after } = options;
    const ports = [after?.gatewayUrl, after?.controlUrl, after?.s3Url].map((url) =>
      url ? new URL(url).port : '0',
    );
    const [port = '0', controlPort = '0', s3Port = '0'] = ports;
    const args = [
      'up',
      '--json',
      '--data',
      home.dataDirectory,
      '--port',
      port,
      '--control-port',
      controlPort,
      '--s3-port',
      s3Port,
    ];
    const child = home.spawn([...args, ...(options.args ?? [])]);
    const closed = once(child, 'close');
    const stderr = collect(child.stderr);
    try {
      const ready = await waitForReady(child, closed);
      return new ServerProcess(home, child, { closed, stderr }, ready);
    } catch (error) {
      child.kill('SIGKILL');
      await closed;
      throw new Error(`cordon up did not start: ${stderr()}`, { cause: error });
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Asks it to end and waits. Throws when it does not end by itself, with 0, in time. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#closed.finally(() => clearTimeout(timer));
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== 0) throw new Error(`the server ended with ${exitCode ?? signalCode}: ${this.#stderr()}`);
  }

  /** Ends it without a warning. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}

async function waitForReady(child: ChildProcess, closed: Promise<unknown>): Promise<Ready> {
  if (!child.stdout) throw new Error('it has no stdout');
  const lines = createInterface({ input: child.stdout });
  const { promise, resolve, reject } = Promise.withResolvers<Ready>();
  const timer = setTimeout(
    () => reject(new Error(`not ready after ${START_TIMEOUT_MS} ms`)),
    START_TIMEOUT_MS,
  );
  void closed.then(() => reject(new Error('it ended')));
  // Read on after that: a pipe that nobody reads would block the server.
  lines.on('line', (line) => {
    const event = parseEvent(line);
    if (event?.event === 'ready') resolve(readySchema.parse(event));
  });
  return promise.finally(() => clearTimeout(timer));
}

function parseEvent(line: string): { event: string } | null {
  try {
    return z.looseObject(eventSchema.shape).parse(JSON.parse(line));
  } catch {
    return null;
  }
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = '';
  stream?.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-OUTPUT_CHARS_MAX);
  });
  return () => text;
}
