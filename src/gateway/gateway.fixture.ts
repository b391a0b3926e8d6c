import assert from 'node:assert/strict';
import { LIMITS, systemClock } from '../contract/index.ts';
import { NO_AUTH, NO_GRANTS, ROUTE_DEFAULTS } from '../manifest/index.ts';
import type { CordonError } from '../contract/index.ts';
import type { Alias, DeployedFunction, Deployment } from '../deploy/index.ts';
import type { EventLog } from '../events/index.ts';
import type { Evidence, LogLine, SecurityEvent } from '../evidence/index.ts';
import type { Exchange, ExchangeRequest, ResponseSink } from '../instance/index.ts';
import type { FunctionLimits, Manifest, RouteSpec } from '../manifest/index.ts';
import type { Dispatcher } from '../pool/index.ts';
import type { TransportOptions } from '../transport/index.ts';
import { MemoryCounters, RateRules } from '../rate/index.ts';
import { NO_LOG } from './events/events.fixture.ts';
import { credentialsOf } from './guards/credentials.ts';
import { createGateway } from './gateway.ts';
import type { Gateway } from './gateway-options.ts';
import type { GatewayLimits } from './gateway-limits.ts';
import type { Guards, RouteGuard } from './guards/guard.ts';
import type { Intake } from './request-path.ts';
import { compileRoutes } from './routing/router.ts';
import type { AppRoutes } from './routing/router.ts';

const FUNCTION_LIMITS: FunctionLimits = {
  timeMs: LIMITS.functionTimeMsDefault.value,
  memoryBytes: LIMITS.functionMemoryBytesDefault.value,
  concurrency: LIMITS.functionConcurrencyDefault.value,
  instances: LIMITS.functionInstancesDefault.value,
  bodyBytes: 1024 * 1024,
  responseBytes: 1024 * 1024,
};

/** A route in short: path, auth, methods. */
export function routeOf(
  path: string,
  auth: RouteSpec['auth'] = 'public',
  methods: RouteSpec['methods'] = null,
): RouteSpec {
  return { ...ROUTE_DEFAULTS, path, auth, methods };
}

export function manifestOf(
  name: string,
  functions: Readonly<Record<string, readonly RouteSpec[]>>,
  options: { hosts?: readonly string[]; limits?: Partial<FunctionLimits> } = {},
): Manifest {
  return {
    name,
    hosts: options.hosts ?? [],
    auth: NO_AUTH,
    files: {},
    functions: Object.entries(functions).map(([fn, routes]) => ({
      name: fn,
      entry: `src/${fn}.ts`,
      routes,
      sources: [],
      vars: {},
      grants: NO_GRANTS,
      limits: { ...FUNCTION_LIMITS, ...options.limits },
    })),
  };
}

export function deploymentOf(manifest: Manifest, id = 'a'): Deployment {
  const functions = manifest.functions.map((spec): DeployedFunction => ({
    spec,
    format: 'script',
    bundle: '0'.repeat(64),
    bundleBytes: 1,
    sourceMap: null,
    codeCache: null,
    handlers: ['fetch'],
  }));
  return { id: id.repeat(64).slice(0, 64), app: manifest.name, manifest, functions, createdAt: 0 };
}

export function appOf(
  manifest: Manifest,
  canary: { manifest: Manifest; percent: number } | null = null,
): AppRoutes {
  const live = deploymentOf(manifest, 'a');
  const second = canary === null ? null : deploymentOf(canary.manifest, 'b');
  const alias: Alias = {
    app: manifest.name,
    live: live.id,
    canary: second === null ? null : { deployment: second.id, percent: canary?.percent ?? 0 },
    previous: null,
  };
  return { alias, live, canary: second };
}

/** A message of a caller at 10.0.0.1, as far as the first stage reads it. */
export function intakeOf(
  method: string,
  url: string,
  rawHeaders: readonly string[],
): Pick<Intake, 'message' | 'connection'> {
  const message = { method, url, httpVersion: '1.1', rawHeaders } as unknown as Intake['message'];
  const facts = { address: '10.0.0.1', scheme: 'http', forwards: null, certificate: null };
  return { message, connection: facts as unknown as Intake['connection'] };
}

/** Guards that ask for nothing, with what a test has them ask for. */
export function openGuards(guard: Partial<RouteGuard> = {}, more: Partial<Guards> = {}): Guards {
  const asks: RouteGuard = {
    authenticator: null,
    login: null,
    scopes: [],
    access: null,
    rates: null,
    concurrency: null,
    validator: null,
    response: { fieldsFor: () => [], isOwned: () => false, preflight: () => null },
    ...guard,
  };
  return {
    of: () => asks,
    loginRate: new RateRules(new MemoryCounters(), [], { project: 'default', route: 'logins' }),
    loginAt: () => null,
    authenticate: (authenticator, received, body) =>
      authenticator.authenticate(credentialsOf(received, body)),
    failed: () => undefined,
    ...more,
  };
}

/** What a fake function sees of one request. */
export interface Invocation {
  readonly deployment: Deployment;
  readonly fn: DeployedFunction;
  readonly request: ExchangeRequest;
  readonly sink: ResponseSink;
  /** Body and messages of the caller as they came. */
  readonly received: Uint8Array[];
  readonly texts: boolean[];
  ended: boolean;
  aborted: boolean;
  credited: number;
  closed: { code: number; reason: string } | null;
  /** What `write` and `message` answer. */
  takes: boolean;
  onWrite: (() => void) | null;
  onEnd: (() => void) | null;
  onMessage: ((data: Uint8Array, text: boolean) => void) | null;
  onAbort: (() => void) | null;
  onClose: (() => void) | null;
}

export type FakeFunction = (invocation: Invocation) => void;

export interface Harness {
  readonly gateway: Gateway;
  readonly port: number;
  readonly invocations: Invocation[];
  readonly lines: Omit<LogLine, 'time'>[];
  readonly events: Omit<SecurityEvent, 'time'>[];
  /** Resolves with the invocation of that number, counted from 0, once it is there. */
  invocation(index: number): Promise<Invocation>;
  close(): Promise<void>;
}

/** Answers 200 with a text at once. */
export function answers(text: string, headers: readonly string[] = []): FakeFunction {
  return ({ sink }) => sink.head(200, headers, Buffer.from(text), true);
}

export function fails(error: CordonError): FakeFunction {
  return ({ sink }) => sink.failed(error);
}

/** A gateway on a free port, in front of one fake function in this process. */
export async function startGateway(
  fake: FakeFunction,
  options: {
    apps?: readonly AppRoutes[];
    limits?: Partial<GatewayLimits>;
    functionLimits?: Partial<FunctionLimits>;
    random?: () => number;
    transport?: TransportOptions;
    /** Default: such that ask for nothing. */
    guards?: Guards;
    /** Default: one that refuses everything. */
    events?: EventLog;
  } = {},
): Promise<Harness> {
  const invocations: Invocation[] = [];
  const waiting: (() => void)[] = [];
  const dispatcher: Dispatcher = {
    dispatch(deployment, fn, request, sink) {
      const invocation = newInvocation(deployment, fn, request, sink);
      invocations.push(invocation);
      for (const wake of waiting.splice(0)) wake();
      fake(invocation);
      return exchangeOf(invocation);
    },
  };
  const { evidence, lines, events } = memoryEvidence();
  const manifest = manifestOf(
    'shop',
    { main: [routeOf('/*'), routeOf('/private', 'control'), routeOf('/get', 'public', ['GET'])] },
    { limits: options.functionLimits ?? {} },
  );
  const routes = compileRoutes(options.apps ?? [appOf(manifest)]);
  const gateway = createGateway({
    dispatcher,
    routes: () => routes,
    evidence,
    events: options.events ?? NO_LOG,
    project: 'default',
    guards: options.guards ?? openGuards(),
    verifyControlToken: (token) => Promise.resolve(token === 'right'),
    clock: systemClock,
    random: options.random ?? (() => 0.5),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.transport === undefined ? {} : { transport: options.transport }),
  });
  const { port } = await gateway.listen({ host: '127.0.0.1', port: 0 });
  return {
    gateway,
    port,
    invocations,
    lines,
    events,
    async invocation(index) {
      for (;;) {
        const found = invocations[index];
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    close: () => gateway.close(0),
  };
}

function newInvocation(
  deployment: Deployment,
  fn: DeployedFunction,
  request: ExchangeRequest,
  sink: ResponseSink,
): Invocation {
  return {
    deployment,
    fn,
    request,
    sink,
    received: request.body === null ? [] : [request.body],
    texts: [],
    ended: !request.streams,
    aborted: false,
    credited: 0,
    closed: null,
    takes: true,
    onWrite: null,
    onEnd: null,
    onMessage: null,
    onAbort: null,
    onClose: null,
  };
}

function exchangeOf(invocation: Invocation): Exchange {
  return {
    write(chunk) {
      invocation.received.push(chunk);
      invocation.onWrite?.();
      return invocation.takes;
    },
    end() {
      invocation.ended = true;
      invocation.onEnd?.();
    },
    consumed(bytes) {
      invocation.credited += bytes;
    },
    message(data, text) {
      invocation.received.push(data);
      invocation.texts.push(text);
      invocation.onMessage?.(data, text);
      return invocation.takes;
    },
    close(code, reason) {
      invocation.closed = { code, reason };
      invocation.onClose?.();
    },
    abort() {
      invocation.aborted = true;
      invocation.onAbort?.();
    },
  };
}

export function memoryEvidence(): {
  evidence: Evidence;
  lines: Omit<LogLine, 'time'>[];
  events: Omit<SecurityEvent, 'time'>[];
} {
  const lines: Omit<LogLine, 'time'>[] = [];
  const events: Omit<SecurityEvent, 'time'>[] = [];
  const evidence: Evidence = {
    log: (line) => void lines.push(line),
    record: (event) => void events.push(event),
    logs: () => Promise.resolve([]),
    events: () => Promise.resolve([]),
    follow: () => () => undefined,
    flush: () => Promise.resolve(),
  };
  return { evidence, lines, events };
}

/** Runs a test against a gateway, closes it, and sees that nothing is left behind. */
export async function withGateway(
  fake: FakeFunction,
  run: (harness: Harness) => Promise<void>,
  options: Parameters<typeof startGateway>[1] = {},
): Promise<void> {
  const harness = await startGateway(fake, options);
  try {
    await run(harness);
  } finally {
    await harness.close();
  }
  const { requestsInFlight, webSockets, connections } = harness.gateway.stats();
  assert.deepEqual([requestsInFlight, webSockets, connections], [0, 0, 0]);
}

/** URL of a path on the gateway of a harness. */
export function urlOf(harness: Harness, path = '/a'): string {
  return `http://127.0.0.1:${harness.port}${path}`;
}
