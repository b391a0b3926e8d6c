import { RecordingEvidence } from '../evidence/recording-evidence.fixture.ts';
export { RecordingEvidence };
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventOutcome } from '../channel/index.ts';
import { CordonError, LIMITS } from '../contract/index.ts';
import type { Clock, ErrorCode } from '../contract/index.ts';
import type { DeployedFunction, Deployment } from '../deploy/index.ts';
import { SourceTable } from '../events/index.ts';
import type { AttributeValue, Lane, NewEvent } from '../events/index.ts';
import type { Exchange, ExchangeRequest, ResponseSink } from '../instance/index.ts';
import { NO_AUTH, NO_GRANTS, ROUTE_DEFAULTS } from '../manifest/index.ts';
import type { DeliverySpec, FunctionSpec, Manifest, RouteSpec, SourceSpec } from '../manifest/index.ts';
import type { Dispatcher } from '../pool/index.ts';
import { Delivery } from './index.ts';
import type { DeploymentDirectory, ServedFunction, Timers } from './index.ts';
import { MemoryEventLog } from './memory-event-log.fixture.ts';

export const PROJECT = 'p1';
/** Turns of the event loop after which everything that can happen without time passing has happened. */
const TURNS = 6;

/** Time that stands still until it is told to go on. */
export class FakeTime implements Clock, Timers {
  #now = 1_800_000_000_000;
  #setBy = 0;
  #timers: { readonly at: number; readonly run: () => void }[] = [];

  now(): number {
    return this.#now + this.#setBy;
  }

  /** Sets the clock of the world, and nothing else. */
  set(byMs: number): void {
    this.#setBy += byMs;
  }

  monotonic(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  get timers(): number {
    return this.#timers.length;
  }

  /** Lets this much time pass, one timer after the other. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settled();
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.at - b.at).find(({ at }) => at <= until);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await settled();
    }
    this.#now = until;
    await settled();
  }
}

/** Everything that can happen without time passing has happened. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await nextTurn();
}

/** One run, as the far end of the dispatcher sees it. */
export interface SeenRun {
  readonly served: ServedFunction;
  readonly request: ExchangeRequest;
  readonly sink: ResponseSink;
  /** Ids of its events. */
  readonly ids: readonly string[];
  readonly attempt: number;
  aborted: boolean;
  body: Buffer;
  ended: boolean;
}

/** What a run is answered with; null: with nothing, until the test does. */
export type Answer = EventOutcome | { readonly code: ErrorCode } | { readonly raw: string } | null;

export class FakeDispatcher implements Dispatcher {
  readonly runs: SeenRun[] = [];
  /** Runs that have no answer yet. */
  open = 0;
  openMax = 0;
  answer: (run: SeenRun) => Answer = () => ({ ok: true });

  dispatch(
    deployment: Deployment,
    fn: DeployedFunction,
    request: ExchangeRequest,
    sink: ResponseSink,
  ): Exchange {
    const fields = new Map<string, string>();
    for (let i = 0; i + 1 < request.headers.length; i += 2)
      fields.set(request.headers[i] ?? '', request.headers[i + 1] ?? '');
    const ids = (fields.get('x-cordon-event') ?? '').split(', ');
    const attempt = Number(fields.get('x-cordon-attempt'));
    const body = Buffer.from(request.body ?? new Uint8Array());
    const served = { deployment, fn };
    const run: SeenRun = { served, request, sink, ids, attempt, aborted: false, body, ended: false };
    this.runs.push(run);
    this.open += 1;
    this.openMax = Math.max(this.openMax, this.open);
    queueMicrotask(() => {
      const answer = this.answer(run);
      if (answer !== null) this.reply(run, answer);
    });
    return {
      write: (chunk) => {
        run.body = Buffer.concat([run.body, chunk]);
        return true;
      },
      end: () => {
        run.ended = true;
      },
      consumed: () => undefined,
      message: () => true,
      close: () => undefined,
      abort: () => {
        run.aborted = true;
        this.open -= 1;
      },
    };
  }

  reply(run: SeenRun, answer: NonNullable<Answer>): void {
    if (run.aborted) return;
    this.open -= 1;
    if ('code' in answer) {
      run.sink.failed(new CordonError(answer.code));
      return;
    }
    const text = 'raw' in answer ? answer.raw : JSON.stringify(answer);
    run.sink.head(200, ['content-type', 'application/json'], Buffer.from(text), true);
  }
}

export const ATTEMPTS: DeliverySpec = { attempts: 3, backoffMs: 100, backoffMsMax: 1000, quota: null };

export function queueSource(
  queue: string,
  more: Partial<Extract<SourceSpec, { kind: 'queue' }>> = {},
): SourceSpec {
  return { kind: 'queue', queue, batch: 1, batchWaitMs: 0, ordered: false, ...ATTEMPTS, ...more };
}

export interface FunctionGiven {
  readonly name: string;
  readonly sources?: readonly SourceSpec[];
  readonly routes?: readonly RouteSpec[];
  readonly handlers?: readonly string[];
  readonly limits?: Partial<FunctionSpec['limits']>;
}

export function eventRoute(path: string): RouteSpec {
  return { ...ROUTE_DEFAULTS, path, methods: ['POST'], auth: 'control', deliver: 'webhook' };
}

/** A deployment of the app `shop`. */
export function deploymentOf(functions: readonly FunctionGiven[], id = 'd1', app = 'shop'): Deployment {
  const deployed = functions.map(
    ({ name, sources = [], routes = [], handlers, limits = {} }): DeployedFunction => {
      const base = { timeMs: 5000, memoryBytes: 1 << 27, bodyBytes: 1 << 20, responseBytes: 1 << 20 };
      const spec: FunctionSpec = {
        name,
        entry: 'a.ts',
        routes,
        sources,
        vars: {},
        grants: NO_GRANTS,
        limits: { ...base, concurrency: 4, instances: 4, ...limits },
      };
      return {
        spec,
        format: 'script',
        bundle: id,
        bundleBytes: 1,
        sourceMap: null,
        codeCache: null,
        handlers: handlers ?? ['queue', 'scheduled', 'event'],
      };
    },
  );
  const manifest: Manifest = {
    name: app,
    hosts: [],
    auth: NO_AUTH,
    files: {},
    functions: deployed.map(({ spec }) => spec),
  };
  return { id, app, manifest, functions: deployed, createdAt: 0 };
}

/** What is served, as the test says. */
export class Served implements DeploymentDirectory {
  deployments: readonly Deployment[];

  constructor(deployments: readonly Deployment[]) {
    this.deployments = deployments;
  }

  sources(): SourceTable {
    return SourceTable.of(this.deployments.map(({ manifest }) => manifest));
  }

  find(app: string, name: string, takes: (served: ServedFunction) => boolean): ServedFunction | null {
    for (const deployment of this.deployments) {
      const fn = deployment.functions.find(({ spec }) => spec.name === name);
      if (deployment.app === app && fn !== undefined && takes({ deployment, fn })) return { deployment, fn };
    }
    return null;
  }
}

export interface Opened {
  readonly delivery: Delivery;
  readonly log: MemoryEventLog;
  readonly dispatcher: FakeDispatcher;
  readonly time: FakeTime;
  readonly served: Served;
  readonly evidence: RecordingEvidence;
  /** Accepts events and gives their ids. */
  readonly accept: (lane: Lane, count: number, more?: Partial<NewEvent>) => Promise<string[]>;
}

/** A delivery over fakes: nothing happens before the first `settled`. */
export function openDelivery(
  functions: readonly FunctionGiven[],
  options: { readonly random?: () => number; readonly directory?: DeploymentDirectory } = {},
): Opened {
  const time = new FakeTime();
  const log = new MemoryEventLog(() => time.now());
  const dispatcher = new FakeDispatcher();
  const served = new Served([deploymentOf(functions)]);
  const evidence = new RecordingEvidence();
  const delivery = Delivery.open({
    events: log,
    dispatcher,
    directory: options.directory ?? served,
    sources: () => served.sources(),
    evidence,
    project: PROJECT,
    clock: time,
    timers: time,
    random: options.random ?? (() => 0.5),
  });
  const accept = async (lane: Lane, count: number, more: Partial<NewEvent> = {}): Promise<string[]> => {
    const events = Array.from({ length: count }, () => ({ ...newEvent(lane), ...more }));
    return (await log.accept(events)).map(({ id }) => id ?? '');
  };
  return { delivery, log, dispatcher, time, served, evidence, accept };
}

export function newEvent(
  lane: Lane,
  attributes: Readonly<Record<string, AttributeValue>> = {},
  data: string | null = 'x',
): NewEvent {
  return {
    project: PROJECT,
    lane,
    event: {
      attributes: { specversion: '1.0', id: 'a', source: '/test', type: 'test', ...attributes },
      data: data === null ? null : Buffer.from(data),
    },
    key: null,
    order: null,
    hops: 0,
    delayMs: 0,
  };
}

/** Longest time in which a retry comes, given `ATTEMPTS`. */
export const RETRY_MS = ATTEMPTS.backoffMsMax + LIMITS.eventPauseMs.value;
