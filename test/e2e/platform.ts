import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before } from 'node:test';
import { z } from 'zod';
import { Home, ServerProcess } from '../../tools/server-process.ts';

const LOGS_WAIT_MS = 6000;
const LOGS_PAUSE_MS = 40;

const credentialsSchema = z.object({ url: z.string(), token: z.string() });
const logLineSchema = z.object({
  sequence: z.number(),
  level: z.string(),
  source: z.enum(['platform', 'function']),
  app: z.string(),
  function: z.string(),
  deployment: z.string(),
  instance: z.string().nullable(),
  request: z.string().nullable(),
  message: z.string(),
});
const logsSchema = z.object({ lines: z.array(logLineSchema) });
const deploySchema = z.object({ deployment: z.object({ id: z.string(), role: z.string() }) });
const errorSchema = z.object({ error: z.object({ code: z.string(), message: z.string(), id: z.string() }) });

/** A log line as the control API tells it. */
export type LogLine = z.output<typeof logLineSchema>;

export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly id: string;
}

/** One running server for the tests of a file. */
export class Platform {
  readonly home: Home;
  server: ServerProcess;

  constructor(home: Home, server: ServerProcess) {
    this.home = home;
    this.server = server;
  }

  /** Calls a path at the gateway. */
  fetch(path: string, init?: RequestInit): Promise<Response> {
    return fetch(this.server.gatewayUrl + path, init);
  }

  /** The body of the answer of a GET. */
  async text(path: string): Promise<string> {
    const response = await this.fetch(path);
    return response.text();
  }

  /** Deploys a folder by the command line and returns the deployment's id. */
  async deploy(folder: string, ...options: string[]): Promise<string> {
    const [result] = await this.home.json('deploy', folder, ...options);
    return deploySchema.parse(result).deployment.id;
  }

  /** Deploys one of the examples. */
  deployExample(name: string): Promise<string> {
    return this.deploy(join(import.meta.dirname, '../../examples', name));
  }

  /** Writes an app with one function, at `/name`, and returns its folder. */
  async writeApp(name: string, source: string, vars: Record<string, string> = {}): Promise<string> {
    const folder = join(this.home.folder, 'apps', name);
    const routes = [{ path: `/${name}`, auth: 'public' }];
    const manifest = { name, functions: { main: { entry: 'src/main.ts', routes, vars } } };
    await writeText(join(folder, 'cordon.jsonc'), JSON.stringify(manifest));
    await writeText(join(folder, 'src/main.ts'), source);
    return folder;
  }

  /** The lines of an app, once one of them passes `until`. Throws when none does in time. */
  async logs(app: string, until: (line: LogLine) => boolean): Promise<LogLine[]> {
    const { url, token } = await this.#credentials();
    const deadline = Date.now() + LOGS_WAIT_MS;
    for (;;) {
      const response = await fetch(new URL(`/v1/logs?app=${app}&limit=1000`, url), {
        headers: { authorization: `Bearer ${token}` },
      });
      const { lines } = logsSchema.parse(await response.json());
      if (lines.some(until)) return lines;
      if (Date.now() > deadline)
        throw new Error(`no such line in the logs of ${app}: ${JSON.stringify(lines, null, 1)}`);
      await new Promise((resolve) => setTimeout(resolve, LOGS_PAUSE_MS));
    }
  }

  async #credentials(): Promise<{ url: string; token: string }> {
    const file = join(this.home.folder, 'config/cordon/credentials.json');
    return credentialsSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  }
}

/** The error that an answer of the gateway tells. */
export async function errorOf(response: Response): Promise<ErrorBody> {
  return errorSchema.parse(await response.json()).error;
}

export async function writeText(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

/** Starts a server before the tests of the calling file, with some examples deployed and `prepare` done, and stops it after them. */
export function usePlatform(
  examples: readonly string[],
  args: readonly string[] = [],
  prepare: (platform: Platform) => Promise<void> = () => Promise.resolve(),
): () => Platform {
  let platform: Platform | null = null;
  before(async () => {
    const home = await Home.create();
    try {
      platform = new Platform(home, await ServerProcess.start(home, { args }));
      for (const example of examples) await platform.deployExample(example);
      await prepare(platform);
    } catch (error) {
      await platform?.server.kill();
      platform = null;
      await home.remove();
      throw error;
    }
  });
  after(async () => {
    try {
      await platform?.server.stop();
    } finally {
      await platform?.home.remove();
    }
  });
  return () => {
    if (!platform) throw new Error('the server has not been started');
    return platform;
  };
}
