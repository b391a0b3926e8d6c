import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CordonError, Secret } from '../../contract/index.ts';
import { ControlClient } from '../../client/index.ts';
import { createCollector, type Collector } from '../../deploy/collect/index.ts';
import { connect, type CommandContext } from '../context.ts';
import { EXIT, reportError } from '../report.ts';
import { SourceWatcher } from '../watch.ts';
import { printDeployed, shortId, type DeployResult } from './deploy.ts';
import { follow } from './logs.ts';
import { stopped } from './up.ts';

interface DevOptions {
  readonly port: number;
  readonly unsafeNoSandbox?: true;
}

interface DevServer {
  readonly client: ControlClient;
  close(): Promise<void>;
}

/** Deploys at every change until it is stopped. What does not build leaves the version before it running. */
export async function dev(context: CommandContext, args: readonly string[], given: object): Promise<number> {
  const folder = resolve(context.surroundings.cwd, args[0] ?? '.');
  const stop = context.untilStopped();
  const server = await findServer(context, given as DevOptions);
  const session = new DevSession(context, server.client, folder);
  try {
    await session.start();
    await stopped(stop);
  } finally {
    await session.close();
    await server.close();
  }
  return EXIT.ok;
}

/** The server that runs, or one of its own whose state is thrown away at the end. */
async function findServer(context: CommandContext, options: DevOptions): Promise<DevServer> {
  try {
    const client = await connect(context);
    await client.call('GET /v1/status', {});
    return { client, close: async () => undefined };
  } catch (error) {
    const absent =
      error instanceof CordonError && /^CORDON_(?:TOKEN_MISSING|SERVER_UNREACHABLE)$/.test(error.code);
    // A server that was named has to answer.
    if (!absent || (context.surroundings.env['CORDON_URL'] ?? '') !== '') throw error;
  }
  const dataDirectory = await mkdtemp(join(tmpdir(), 'cordon-dev-'));
  const clean = (): Promise<void> => rm(dataDirectory, { recursive: true, force: true });
  try {
    const server = await context.startServer({
      dataDirectory,
      gateway: { host: '127.0.0.1', port: options.port },
      control: { host: '127.0.0.1', port: 0 },
      s3: { port: 0, origins: [] },
      unsafeNoSandbox: options.unsafeNoSandbox === true,
      poolSize: 1,
    });
    context.terminal.note(`started a server for this session on ${server.gatewayUrl}`);
    const client = new ControlClient({ url: server.controlUrl, token: new Secret(server.firstToken ?? '') });
    const close = async (): Promise<void> => {
      await server.close();
      await clean();
    };
    return { client, close };
  } catch (error) {
    await clean();
    throw error;
  }
}

/** One app under development. */
class DevSession {
  readonly #context: CommandContext;
  readonly #client: ControlClient;
  readonly #collector: Collector;
  readonly #watcher: SourceWatcher;
  readonly #logs = new AbortController();
  #following: Promise<void> | null = null;
  #running: Promise<void> = Promise.resolve();
  /** A change has come that no run has seen. */
  #pending = false;
  #archive: Buffer | null = null;
  #sources: readonly string[] = [];
  #shown = false;

  constructor(context: CommandContext, client: ControlClient, folder: string) {
    this.#context = context;
    this.#client = client;
    this.#collector = createCollector(folder);
    this.#watcher = new SourceWatcher(folder, () => this.#changed());
  }

  async start(): Promise<void> {
    this.#changed();
    await this.#running;
  }

  async close(): Promise<void> {
    this.#watcher.close();
    this.#logs.abort();
    await this.#running;
    await this.#following;
    await this.#collector.close();
  }

  #changed(): void {
    // At most one run waits: it sees all changes that came meanwhile.
    if (this.#pending) return;
    this.#pending = true;
    this.#running = this.#running.then(() => {
      this.#pending = false;
      return this.#reload();
    });
  }

  async #reload(): Promise<void> {
    const started = performance.now();
    const { terminal } = this.#context;
    try {
      // Before the files are read, so that a change in a new folder is seen from here on.
      this.#watcher.update(this.#sources);
      const { manifest, archive, sources } = await this.#collector.collect();
      this.#sources = sources;
      this.#watcher.update(sources);
      if (this.#archive?.equals(archive) === true) return;
      const result = await this.#client.call('POST /v1/apps/{app}/deployments', {
        params: { app: manifest.name },
        query: {},
        body: archive,
      });
      this.#archive = Buffer.from(archive);
      this.#show(result, Math.round(performance.now() - started));
      this.#following ??= this.#follow(manifest.name);
    } catch (error) {
      // What failed may be mended by the next change, even one that restores the archive before.
      this.#archive = null;
      reportError(terminal, error, { verbose: false });
      terminal.note(terminal.style('dim', 'waiting for a change', 'stderr'));
    }
  }

  #show(result: DeployResult, ms: number): void {
    const { terminal } = this.#context;
    terminal.result({ event: 'reloaded', app: result.app.name, deployment: result.deployment.id, ms });
    if (!this.#shown) printDeployed(terminal, result);
    this.#shown = true;
    terminal.line(`${terminal.style('green', 'reloaded')} ${shortId(result.deployment.id)} in ${ms} ms`);
  }

  async #follow(app: string): Promise<void> {
    try {
      await follow(this.#context, this.#client, { app }, this.#logs.signal);
    } catch (error) {
      if (!this.#logs.signal.aborted) reportError(this.#context.terminal, error, { verbose: false });
    }
  }
}
