import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CordonError, LIMITS, systemClock, type Clock } from '../contract/index.ts';
import type { ObservedUse } from '../broker/index.ts';
import { NO_AUTH, NO_GRANTS, ROUTE_DEFAULTS, type RouteSpec } from '../manifest/index.ts';
import type { Alias, DeployedFunction, Deployment } from '../deploy/index.ts';
import type { LogLine } from '../evidence/index.ts';
import type { Exchange, ExchangeRequest, ResponseSink } from '../instance/index.ts';
import { AccessKeyStore, ApiKeyStore } from '../identity/index.ts';
import { AccessSigner } from '../s3/index.ts';
import { SecretStore } from '../secrets/index.ts';
import { openSqliteStore, type Store } from '../store/index.ts';
import { openVault, type Vault } from '../vault/index.ts';
import { localWrapper } from '../vault/vault.fixture.ts';
import {
  createControlServer,
  ensureFirstToken,
  KeyRotation,
  type MasterKeyChange,
  type ControlServer,
  type ControlServices,
  type ExplainedRequest,
  type ServedApp,
} from './index.ts';
import { FakeEvents } from './events.fixture.ts';
import { FakeRejectedObjects } from './rejected-objects.fixture.ts';
import { explanationOf } from './explanation.fixture.ts';
import { IDLE_DELIVERY, STATUS } from './status.fixture.ts';
import { MemoryEvidence } from './memory-evidence.fixture.ts';

export function deploymentOf(app: string, id: string, routes: readonly RouteSpec[] = []): Deployment {
  const spec = {
    name: 'main',
    entry: 'src/main.ts',
    routes,
    sources: [],
    vars: {},
    grants: NO_GRANTS,
    limits: {
      timeMs: LIMITS.functionTimeMsDefault.value,
      memoryBytes: LIMITS.functionMemoryBytesDefault.value,
      concurrency: 20,
      instances: 10,
      bodyBytes: 1024 * 1024,
      responseBytes: LIMITS.responseBytesDefault.value,
    },
  };
  const fn: DeployedFunction = {
    spec,
    format: 'script',
    bundle: 'b'.repeat(64),
    bundleBytes: 120,
    sourceMap: null,
    codeCache: null,
    handlers: ['fetch'],
  };
  return {
    id,
    app,
    manifest: { name: app, hosts: [], auth: NO_AUTH, files: {}, functions: [spec] },
    functions: [fn],
    createdAt: 1_700_000_000_000,
  };
}

/** A deployment id that starts with `start`. */
export function idOf(start: string): string {
  return start.padEnd(64, '0');
}

/** An app with a live and a previous deployment, and aliases that move. */
export class FakeCatalogue {
  readonly all = new Map<string, Deployment[]>();
  readonly aliases = new Map<string, Alias>();

  add(deployment: Deployment, canary: number | null): Alias {
    const { app, id } = deployment;
    this.all.set(app, [deployment, ...(this.all.get(app) ?? []).filter((other) => other.id !== id)]);
    const before = this.aliases.get(app);
    const alias: Alias =
      before === undefined || canary === null
        ? { app, live: id, canary: null, previous: before?.live ?? null }
        : { ...before, canary: { deployment: id, percent: canary } };
    this.aliases.set(app, alias);
    return alias;
  }

  apps(): ServedApp[] {
    return [...this.aliases.keys()].map((name) => this.app(name));
  }

  app(name: string): ServedApp {
    const alias = this.aliases.get(name);
    if (alias === undefined) throw new CordonError('CORDON_APP_UNKNOWN', `There is no app named ${name}.`);
    return { alias, live: this.#get(name, alias.live) };
  }

  async deployments(app: string): Promise<Deployment[]> {
    this.app(app);
    return this.all.get(app) ?? [];
  }

  async rollback(app: string, to: string | null): Promise<Alias> {
    const { alias } = this.app(app);
    const live = to ?? alias.previous;
    if (live === null) throw new CordonError('CORDON_DEPLOYMENT_UNKNOWN');
    return this.#set({ app, live: this.#get(app, live).id, canary: null, previous: alias.live });
  }

  async setCanary(app: string, deployment: string, percent: number): Promise<Alias> {
    return this.#set({
      ...this.app(app).alias,
      canary: { deployment: this.#get(app, deployment).id, percent },
    });
  }

  async clearCanary(app: string): Promise<Alias> {
    return this.#set({ ...this.app(app).alias, canary: null });
  }

  async promoteCanary(app: string): Promise<Alias> {
    const { alias } = this.app(app);
    if (alias.canary === null) throw new CordonError('CORDON_CANARY_INVALID', 'The app has no canary.');
    return this.#set({ app, live: alias.canary.deployment, canary: null, previous: alias.live });
  }

  #set(alias: Alias): Alias {
    this.aliases.set(alias.app, alias);
    return alias;
  }

  #get(app: string, id: string): Deployment {
    const found = this.all.get(app)?.find((deployment) => deployment.id === id);
    if (found === undefined)
      throw new CordonError('CORDON_DEPLOYMENT_UNKNOWN', `There is no deployment ${id} of ${app}.`);
    return found;
  }
}

/** A log line of the app. */
export function lineOf(app: string, message: string): Omit<LogLine, 'time'> {
  return {
    level: 'info',
    source: 'function',
    app,
    function: 'main',
    deployment: 'a'.repeat(12),
    ...{ instance: 'ins_1', request: 'req_1' },
    message,
  };
}

export interface Seen {
  readonly request: ExchangeRequest;
  readonly body: Buffer;
}

/** Answers a request once all of its body has come. */
export type FakeFunction = (seen: Seen, sink: ResponseSink) => void;

export interface Harness {
  readonly url: string;
  readonly port: number;
  readonly token: string;
  readonly store: Store;
  readonly server: ControlServer;
  readonly catalogue: FakeCatalogue;
  readonly evidence: MemoryEvidence;
  readonly vault: Vault;
  readonly secrets: SecretStore;
  readonly apiKeys: ApiKeyStore;
  readonly accessKeys: AccessKeyStore;
  readonly events: FakeEvents;
  readonly rejectedObjects: FakeRejectedObjects;
  /** What `cordon permissions` is told. */
  readonly observed: ObservedUse[];
  /** What was asked of the policies. */
  readonly explained: { readonly app: string; readonly request: ExplainedRequest }[];
  readonly seen: Seen[];
  /** Archives that were deployed. */
  readonly archives: Uint8Array[];
  /** Bytes of responses for which the guest got credit. */
  credited: number;
  aborted: number;
  /** What the next invocation does. */
  answer: FakeFunction;
  /** What the next deploy throws, if anything. */
  deployError: Error | null;
  close(): Promise<void>;
}

const EXCHANGE_WINDOW_BYTES = 128 * 1024;
const S3_URL = 'http://127.0.0.1:8082';

/** A real control server with a real store, in front of fake services; it has the app `shop`. */
export async function startControl(
  options: {
    readonly heartbeatMs?: number;
    readonly clock?: Clock;
    readonly master?: MasterKeyChange;
  } = {},
): Promise<Harness> {
  const folder = await mkdtemp(join(tmpdir(), 'cordon-control-'));
  const store = await openSqliteStore({ path: join(folder, 'store.sqlite') });
  const token = (await ensureFirstToken(store)) ?? '';
  const catalogue = new FakeCatalogue();
  const routes: RouteSpec[] = [{ ...ROUTE_DEFAULTS, path: '/orders/:id', methods: ['GET'], auth: 'public' }];
  catalogue.add(deploymentOf('shop', idOf('aaaaaaaaaaaa')), null);
  catalogue.add(deploymentOf('shop', idOf('bbbbbbbbbbbb'), routes), null);
  const evidence = new MemoryEvidence();
  const rejected = { rejectedObjects: new FakeRejectedObjects() };
  const fakes = { ...rejected, credited: 0, aborted: 0, answer: hello, deployError: null as Error | null };
  const vault = await openVault({ store, wrapper: localWrapper() });
  const secrets = new SecretStore({ store, vault });
  const apiKeys = await ApiKeyStore.open({ store });
  const accessKeys = await AccessKeyStore.open({ store, vault });
  const keys = new KeyRotation({ store, vault, places: [secrets.place], master: options.master ?? null });
  const events = new FakeEvents();
  const observed: ObservedUse[] = [];
  const explained: Harness['explained'] = [];
  const seen: Seen[] = [];
  const archives: Uint8Array[] = [];
  const services: ControlServices = {
    catalogue,
    evidence,
    gatewayUrl: 'http://127.0.0.1:8080',
    dispatcher: {
      dispatch: (_deployment, _fn, request, sink) => exchange(request, sink, fakes, seen),
    },
    deployer: {
      async deploy(app, archive, { canary }) {
        if (fakes.deployError !== null) throw fakes.deployError;
        archives.push(archive);
        const deployment = deploymentOf(app, idOf(`cccccccc${archives.length}`), routes);
        const alias = catalogue.add(deployment, canary);
        return { deployment, alias, unchanged: false, steps: [{ name: 'bundle', ms: 12.4 }], warnings: [] };
      },
    },
    findRoute: (_method, _host, path) =>
      path.startsWith('/orders/') ? { app: 'shop', function: 'main' } : null,
    secrets,
    keys,
    apiKeys,
    accessKeys,
    accessSigner: new AccessSigner({ keys: accessKeys, endpoint: () => S3_URL, clock: systemClock }),
    events,
    delivery: async () => IDLE_DELIVERY,
    rejectedObjects: fakes.rejectedObjects,
    explain: async (app, request) => {
      catalogue.app(app);
      explained.push({ app, request });
      return explanationOf(request.subject === 'bob' ? 'deny' : 'allow');
    },
    observed: (app) => observed.filter((use) => use.app === app),
    status: async () => STATUS,
  };
  const server = createControlServer({ ...options, services, store });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  return Object.assign(fakes, {
    url: `http://127.0.0.1:${port}`,
    port,
    token,
    store,
    server,
    catalogue,
    evidence,
    vault,
    secrets,
    apiKeys,
    accessKeys,
    events,
    observed,
    explained,
    seen,
    archives,
    async close(): Promise<void> {
      await server.close();
      await keys.close();
      await apiKeys.close();
      await accessKeys.close();
      await store.close();
      await rm(folder, { recursive: true });
    },
  });
}

/** Says hello with what it was asked. */
export function hello({ request, body }: Seen, sink: ResponseSink): void {
  sink.assigned?.('ins_fake');
  const text = `${request.method} ${request.url} ${body.toString()}`;
  sink.head(200, ['content-type', 'text/plain'], Buffer.from(text), true);
}

function exchange(
  request: ExchangeRequest,
  sink: ResponseSink,
  fakes: { credited: number; aborted: number; answer: FakeFunction },
  seen: Seen[],
): Exchange {
  const chunks: Uint8Array[] = request.body === null ? [] : [request.body];
  let unread = 0;
  const run = (): void => {
    const found = { request, body: Buffer.concat(chunks) };
    seen.push(found);
    fakes.answer(found, sink);
  };
  // A guest answers later, never inside of the call that dispatches.
  if (!request.streams) setImmediate(run);
  return {
    write(chunk) {
      chunks.push(Buffer.from(chunk));
      unread += chunk.byteLength;
      if (unread < EXCHANGE_WINDOW_BYTES) return true;
      setImmediate(() => {
        unread = 0;
        sink.drain();
      });
      return false;
    },
    end: () => void setImmediate(run),
    consumed: (bytes) => void (fakes.credited += bytes),
    message: () => true,
    close: () => undefined,
    abort: () => void (fakes.aborted += 1),
  };
}
