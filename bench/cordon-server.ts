import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { ControlClient, type CallResult } from '../src/client/index.ts';
import { LIMITS, Secret } from '../src/contract/index.ts';
import { Home, ServerProcess } from '../tools/server-process.ts';
import { withId } from './code.ts';
import type { Target } from './connection.ts';
import type { Workplace } from './workplace.ts';

const WARM_TIMEOUT_MS = 30_000;
const STATUS_PAUSE_MS = 40;
/** Between the last word with the server and a cold start, so that neither is in the other's way. */
const SETTLE_MS = 30;

const credentialsSchema = z.looseObject({ token: z.string() });

type Status = CallResult<'GET /v1/status'>;
type LaneCounts = Pick<CallResult<'GET /v1/event-lanes'>['lanes'][number], 'waiting' | 'dead'>;
const EMPTY_LANE: LaneCounts = { waiting: 0, dead: 0 };

/** A Cordon server as a person starts it, by `bin/cordon up`. */
export class CordonServer {
  readonly home: Home;
  readonly process: ServerProcess;
  readonly #client: ControlClient;

  private constructor(home: Home, process: ServerProcess, client: ControlClient) {
    this.home = home;
    this.process = process;
    this.#client = client;
  }

  /** Starts one. It ends with the workplace, unless it is stopped before. */
  static async start(
    place: Workplace,
    options: { readonly home?: Home; readonly args?: readonly string[] } = {},
  ): Promise<CordonServer> {
    const home = options.home ?? (await Home.create());
    place.own(home.folder);
    const server = await ServerProcess.start(home, { args: options.args ?? [] });
    let stopped = false;
    const stop = server.stop.bind(server);
    server.stop = async () => {
      if (stopped) return;
      stopped = true;
      await stop();
    };
    place.defer(() => server.stop());
    const credentials = await readFile(join(home.folder, 'config/cordon/credentials.json'), 'utf8');
    const { token } = credentialsSchema.parse(JSON.parse(credentials));
    return new CordonServer(
      home,
      server,
      new ControlClient({ url: server.controlUrl, token: new Secret(token) }),
    );
  }

  get port(): number {
    return Number(new URL(this.process.gatewayUrl).port);
  }

  get pid(): number {
    return this.process.pid;
  }

  status(): Promise<Status> {
    return this.#client.call('GET /v1/status', {});
  }

  /** Resolves when the pool is full and nothing boots. */
  async warm(): Promise<void> {
    const deadline = performance.now() + WARM_TIMEOUT_MS;
    for (;;) {
      const { pool, requestsWaiting } = await this.status();
      if (pool.warm >= pool.size && pool.booting === 0 && requestsWaiting === 0) break;
      if (performance.now() > deadline) throw new Error(`The pool does not fill: ${JSON.stringify(pool)}`);
      await sleep(STATUS_PAUSE_MS);
    }
    await sleep(SETTLE_MS);
  }

  /** What waits and what is dead in a lane of events. */
  async lane(name: string): Promise<LaneCounts> {
    const { lanes } = await this.#client.call('GET /v1/event-lanes', {});
    return lanes.find(({ lane }) => lane === name) ?? EMPTY_LANE;
  }

  /** Has all dead letters of a lane delivered again. Returns how many. */
  async replay(lane: string): Promise<number> {
    return (await this.#client.call('POST /v1/events/replay', { body: { lane } })).replayed;
  }

  /** What a function answers with 200 and JSON. Throws for another answer. */
  async json(path: string): Promise<unknown> {
    const response = await fetch(`${this.process.gatewayUrl}${path}`);
    if (response.status !== 200)
      throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return response.json();
  }

  /** Deploys an app with the given source of each function, at `/APP/FUNCTION`. */
  async deploy(
    place: Workplace,
    app: string,
    sources: Readonly<Record<string, string>>,
    limits: object = {},
    grants: object = {},
  ): Promise<void> {
    const folder = await place.newFolder(app);
    await mkdir(join(folder, 'src'));
    const functions: Record<string, unknown> = {};
    for (const [name, source] of Object.entries(sources)) {
      await writeFile(join(folder, `src/${name}.js`), source);
      const routes = [
        { path: `/${app}/${name}`, auth: 'public' },
        { path: `/${app}/${name}/*`, auth: 'public' },
      ];
      functions[name] = { entry: `src/${name}.js`, routes, limits, grants };
    }
    await writeFile(join(folder, 'cordon.jsonc'), JSON.stringify({ name: app, functions }));
    await this.home.json('deploy', folder);
  }

  /** Deploys an app of one file, `main.js`. */
  async deployApp(place: Workplace, manifest: { readonly name: string }, source: string): Promise<void> {
    const folder = await place.newFolder(manifest.name);
    await writeFile(join(folder, 'main.js'), source);
    await writeFile(join(folder, 'cordon.jsonc'), JSON.stringify(manifest));
    await this.home.json('deploy', folder);
  }

  /** Deploys `count` functions that differ only in their id, in as many apps as the limits on an app ask for. */
  async deployFleet(place: Workplace, name: string, code: string, count: number): Promise<Fleet> {
    const bySource = Math.floor(LIMITS.sourceBytesMax.value / 2 / code.length);
    const perApp = Math.min(LIMITS.functionsPerAppMax.value, Math.max(1, bySource));
    const paths: string[] = [];
    for (let first = 0; first < count; first += perApp) {
      const app = `${name}-${first}`;
      const size = Math.min(perApp, count - first);
      const names = Array.from({ length: size }, (_, index) => `f${index}`);
      await this.deploy(
        place,
        app,
        Object.fromEntries(names.map((fn) => [fn, withId(code, `${app}-${fn}`)])),
      );
      paths.push(...names.map((fn) => `/${app}/${fn}`));
    }
    return new Fleet(this.port, paths);
  }
}

/** Functions that have never been invoked. */
export class Fleet {
  readonly #port: number;
  readonly #paths: string[];

  constructor(port: number, paths: readonly string[]) {
    this.#port = port;
    this.#paths = [...paths];
  }

  /** The next that has never been invoked. Throws when all have been. */
  next(): Target {
    const path = this.#paths.shift();
    if (path === undefined) throw new Error('Every function of the fleet has been invoked.');
    return { port: this.#port, method: 'GET', path, bodyBytes: 0 };
  }

  take(count: number): Target[] {
    return Array.from({ length: count }, () => this.next());
  }
}
