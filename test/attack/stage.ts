import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { z } from 'zod';
import { Home, ServerProcess } from '../../tools/server-process.ts';
import { clamdConfigIn, hasClamd } from './clamd.ts';
import { ownNames } from './own-names.ts';
import { residentBytes } from './processes.ts';
import { rawRequest, type RawAnswer, type RawOptions } from './raw-http.ts';

const APPS = join(import.meta.dirname, 'apps');
/** Where `--tls` keeps the authority that it makes, below the data folder. */
const AUTHORITY_FILE = 'tls/authority.pem';
const BECAUSE = 'A part of the attack suite: the code does what a request tells it to.';
const WATCH_PAUSE_MS = 20;
const CALL_TIMEOUT_MS = 20_000;

const credentialsSchema = z.object({ token: z.string() });
const eventsSchema = z.object({
  events: z.array(
    z.object({
      sequence: z.number(),
      kind: z.string(),
      app: z.string().nullable(),
      instance: z.string().nullable(),
      reason: z.string(),
      detail: z.record(z.string(), z.unknown()),
    }),
  ),
});
const logsSchema = z.object({
  lines: z.array(
    z.object({
      sequence: z.number(),
      source: z.string(),
      request: z.string().nullable(),
      message: z.string(),
    }),
  ),
});
const statusSchema = z.object({
  pool: z.object({ warm: z.number(), booting: z.number(), size: z.number() }),
  instances: z.array(
    z.object({
      id: z.string(),
      app: z.string(),
      function: z.string(),
      pid: z.number(),
      requestsInFlight: z.number(),
    }),
  ),
  requestsWaiting: z.number(),
});
const countSchema = z.object({ born: z.string(), hits: z.array(z.string()) });
const errorSchema = z.object({ error: z.object({ code: z.string(), message: z.string(), id: z.string() }) });

export type SecurityEventSeen = z.output<typeof eventsSchema>['events'][number];
export type StatusSeen = z.output<typeof statusSchema>;

/** An answer with its body read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** What a function counted. */
export type Hits = z.output<typeof countSchema>;

/** How another caller fared during an attack. */
export interface Watch {
  readonly calls: number;
  /** Calls that were not answered with 200. */
  readonly failed: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

/** The running server that is attacked, seen from outside, and what there is to harm. */
export class Stage {
  readonly home: Home;
  readonly token: string;
  /** A host file that no guest may read or change. */
  readonly canaryFile: string;
  /** Its content. */
  readonly canary: string;
  /** Value of a variable of the victim app: nobody else may ever hold it. */
  readonly victimSecret = `victim-only-${crypto.randomUUID()}`;

  readonly #closing: (() => Promise<void>)[] = [];
  #server: ServerProcess;

  private constructor(home: Home, server: ServerProcess, token: string, canary: string) {
    this.home = home;
    this.#server = server;
    this.token = token;
    this.canary = canary;
    this.canaryFile = join(home.folder, 'canary.txt');
  }

  /** Starts a server on an empty data folder and deploys the victim and the attacker. */
  static async open(): Promise<Stage> {
    const stage = await Stage.#start([]);
    try {
      await stage.#prepareAttacker();
      return stage;
    } catch (thrown) {
      await stage.server.kill();
      await stage.home.remove();
      throw thrown;
    }
  }

  /** One that is served by TLS, HTTP/2 too, with the victim alone. Its authority is trusted from then on. */
  static async openSecure(): Promise<Stage> {
    const stage = await Stage.#start(['--tls']);
    const authority = await readFile(join(stage.home.dataDirectory, AUTHORITY_FILE), 'utf8');
    setDefaultCACertificates([...getCACertificates('default'), authority]);
    return stage;
  }

  static async #start(args: readonly string[]): Promise<Stage> {
    const home = await Home.create();
    let server: ServerProcess | null = null;
    try {
      if (hasClamd()) home.variables['CORDON_CLAMD_CONFIG'] = clamdConfigIn(home.folder);
      server = await ServerProcess.start(home, { args });
      const credentials = await readFile(join(home.folder, 'config/cordon/credentials.json'), 'utf8');
      const { token } = credentialsSchema.parse(JSON.parse(credentials));
      const stage = new Stage(home, server, token, `host-canary-${crypto.randomUUID()}`);
      await writeFile(stage.canaryFile, stage.canary, { mode: 0o644 });
      await stage.deployApp('victim', { victimSecret: stage.victimSecret });
      return stage;
    } catch (thrown) {
      await server?.kill();
      await home.remove();
      throw thrown;
    }
  }

  /** Does this before the server ends. */
  onClose(action: () => Promise<void>): void {
    this.#closing.push(action);
  }

  async close(): Promise<void> {
    try {
      for (const action of this.#closing) await action();
      await this.server.stop();
    } finally {
      await this.home.remove();
    }
  }

  get server(): ServerProcess {
    return this.#server;
  }

  /** Stops the server, does this to what it left on disk, and starts it again at the same addresses. */
  async restart(meanwhile: () => void): Promise<void> {
    await this.#server.stop();
    try {
      meanwhile();
    } finally {
      this.#server = await ServerProcess.start(this.home, { after: this.#server });
    }
  }

  get controlPort(): string {
    return new URL(this.server.controlUrl).port;
  }

  get gateway(): string {
    return this.server.gatewayUrl;
  }

  // ── callers ──

  async call(path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(this.gateway + path, {
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      ...init,
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  /** The status of a call, or why there was no answer. For calls that may be cut off. */
  async outcome(path: string, init: RequestInit = {}): Promise<string> {
    try {
      const { status } = await this.call(path, init);
      return String(status);
    } catch (thrown) {
      return thrown instanceof Error && thrown.name === 'TimeoutError' ? 'no answer' : 'cut off';
    }
  }

  raw(bytes: string | Uint8Array, options?: RawOptions): Promise<RawAnswer> {
    return rawRequest(this.gateway, bytes, options);
  }

  /** Requests that reached the victim's code so far, by path. `born` changes when its instance does. */
  victimHits(): Promise<Hits> {
    return this.hitsAt('/victim/count');
  }

  /** The same of another function that counts what reaches it. */
  async hitsAt(path: string): Promise<Hits> {
    const { status, text } = await this.call(path);
    if (status !== 200) throw new Error(`the victim does not answer: ${status} ${text}`);
    return countSchema.parse(JSON.parse(text));
  }

  /** Runs a set of attempts inside of a function of the attacker: each name with what came of it. */
  async probe(
    name: string,
    query: Record<string, string> = {},
    from: 'probe' | 'probe-granted' | 'insider' = 'probe',
  ): Promise<Record<string, string>> {
    const { status, text } = await this.call(
      `/attacker/${from}/${name}?${new URLSearchParams(query).toString()}`,
    );
    if (status !== 200) throw new Error(`the probe ${name} ended with ${status}: ${text}`);
    return z.record(z.string(), z.string()).parse(JSON.parse(text));
  }

  /** Calls the victim again and again while something runs. */
  async watch(action: () => Promise<void>): Promise<Watch> {
    const times: number[] = [];
    let failed = 0;
    const state = { running: true };
    const watching = (async (): Promise<void> => {
      while (state.running) {
        const start = performance.now();
        const outcome = await this.outcome('/bystander/ping');
        if (outcome !== '200') failed += 1;
        times.push(performance.now() - start);
        await new Promise((resolve) => setTimeout(resolve, WATCH_PAUSE_MS));
      }
    })();
    await action().finally(() => (state.running = false));
    await watching;
    times.sort((a, b) => a - b);
    const at = (share: number): number =>
      Math.round(times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0);
    return { calls: times.length, failed, p99Ms: at(0.99), worstMs: at(1) };
  }

  // ── the operator ──

  async control(
    method: string,
    path: string,
    body?: Uint8Array | object,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const isJson = body !== undefined && typeof body === 'object' && !(body instanceof Uint8Array);
    const response = await fetch(this.server.controlUrl + path, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(isJson ? { 'content-type': 'application/json' } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: body instanceof Uint8Array ? body : JSON.stringify(body) }),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  /** Posts an archive to an app's deployments. */
  deployTar(app: string, archive: Buffer): Promise<Answer> {
    return this.control('POST', `/v1/apps/${app}/deployments`, new Uint8Array(archive), {
      'content-type': 'application/x-tar',
    });
  }

  async deployFolder(folder: string): Promise<void> {
    await this.home.json('deploy', folder);
  }

  /** Deploys one of the suite's apps, with `{name}` in its manifest filled in and more files beside it. */
  async deployApp(
    name: string,
    values: Readonly<Record<string, string>> = {},
    files: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const folder = join(this.home.folder, name);
    await cp(join(APPS, name), folder, { recursive: true });
    for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content);
    const manifest = join(folder, 'cordon.jsonc');
    let text = (await readFile(manifest, 'utf8')).replaceAll('{because}', BECAUSE);
    for (const [key, value] of Object.entries(values)) text = text.replaceAll(`{${key}}`, value);
    await writeFile(manifest, text);
    await this.deployFolder(folder);
  }

  async setSecret(name: string, value: string): Promise<void> {
    const { status, text } = await this.control('PUT', `/v1/secrets/${name}`, { value });
    if (status >= 300) throw new Error(`the secret ${name} is not set: ${status} ${text}`);
  }

  /** Sequence number of the last security event. */
  async lastEvent(): Promise<number> {
    return (await this.events(0)).at(-1)?.sequence ?? 0;
  }

  /** Security events after a sequence number. */
  async events(after: number): Promise<SecurityEventSeen[]> {
    const all: SecurityEventSeen[] = [];
    for (let last = after; ;) {
      const { text } = await this.control('GET', `/v1/security-events?after=${last}&limit=1000`);
      const { events } = eventsSchema.parse(JSON.parse(text));
      all.push(...events);
      last = events.at(-1)?.sequence ?? last;
      if (events.length < 1000) return all;
    }
  }

  async logs(query: Record<string, string>): Promise<z.output<typeof logsSchema>['lines']> {
    const { text } = await this.control(
      'GET',
      `/v1/logs?${new URLSearchParams({ limit: '1000', ...query }).toString()}`,
    );
    return logsSchema.parse(JSON.parse(text)).lines;
  }

  async status(): Promise<StatusSeen> {
    return statusSchema.parse(JSON.parse((await this.control('GET', '/v1/status')).text));
  }

  serverMemoryBytes(): number {
    return residentBytes(this.server.pid);
  }

  /** What is wrong with the host after a row; empty when nothing is. */
  async damage(): Promise<string[]> {
    const problems: string[] = [];
    const canary = await readFile(this.canaryFile, 'utf8').catch(() => '');
    if (canary !== this.canary) problems.push('the canary file of the host changed');
    try {
      await this.victimHits();
    } catch (thrown) {
      problems.push((thrown as Error).message);
    }
    const { status } = await this.control('GET', '/v1/status').catch(() => ({ status: 0 }));
    if (status !== 200) problems.push('the control API does not answer');
    return problems;
  }

  async #prepareAttacker(): Promise<void> {
    await this.setSecret('ATTACKER_KEY', `attacker-only-${crypto.randomUUID()}`);
    await this.deployApp('attacker', { control: this.controlPort, ...ownNames() });
  }
}

/** Code and id of the error that an answer tells; empty text where it tells none. */
export function errorOf(text: string): {
  readonly code: string;
  readonly id: string;
  readonly message: string;
} {
  try {
    return errorSchema.parse(JSON.parse(text)).error;
  } catch {
    return { code: '', id: '', message: '' };
  }
}
