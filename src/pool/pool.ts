import { CordonError, LIMITS } from '../contract/index.ts';
import type { Broker } from '../broker/index.ts';
import { createRedactor } from '../capability/index.ts';
import type { CallerContext, PipeDirectory, ServiceDirectory } from '../capability/index.ts';
import type { BundleCheck, BundleChecker, DeployedFunction, Deployment } from '../deploy/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type {
  Exchange,
  ExchangeRequest,
  Instance,
  InstanceObserver,
  ResponseSink,
} from '../instance/index.ts';
import type { InspectionRoom } from '../inspection/index.ts';
import type { ObjectStore } from '../object/index.ts';
import type { Isolation } from '../sandbox/index.ts';
import { AnonymousPool } from './anonymous-pool.ts';
import { Bundles } from './bundles.ts';
import { Callers, bindingsOf } from './callers.ts';
import { answersRequests } from './event-places.ts';
import type { Purpose } from './event-places.ts';
import { FunctionPool } from './function-pool.ts';
import type { FunctionPoolHost } from './function-pool.ts';
import { instanceStatuses } from './instance-status.ts';
import type { InstanceStatus } from './instance-status.ts';
import { PooledInspectionRoom } from './inspection-room.ts';
import { InstanceJournal } from './instance-journal.ts';
import type { Dispatcher } from './port.ts';
import { Stacks } from './stacks.ts';

const DEFAULT_PROJECT = 'default';
/** How often idle instances are looked for. */
const REAP_INTERVAL_MS = 1000;

export interface PoolOptions {
  readonly isolation: Isolation;
  readonly objects: ObjectStore;
  readonly evidence: Evidence;
  /** Serves what guest code asks for. Default: none, and every call is refused. */
  readonly broker?: Broker;
  /** Values of `env` besides `vars`, such as handles of secrets. Default: none. */
  readonly variables?: (context: CallerContext) => Promise<Readonly<Record<string, string>>>;
  /** Values that may not stand in what is recorded about a function. Default: none. */
  readonly confidential?: (context: CallerContext) => Promise<readonly string[]>;
  /** Owner of what functions store. Default `default`. */
  readonly project?: string;
  /** Anonymous sandboxes kept warm. Default `LIMITS.poolSize`. */
  readonly size?: number;
  /** Idle time after which an instance is retired, ms. Default `LIMITS.instanceIdleMs`. */
  readonly idleMs?: number;
  /** Most instances at once. Default `LIMITS.instancesTotalMax`. */
  readonly instancesMax?: number;
}

export interface PoolStatus {
  readonly pool: { readonly warm: number; readonly booting: number; readonly size: number };
  readonly instances: InstanceStatus[];
  /** Requests that wait for an instance. */
  readonly requestsWaiting: number;
  /** Runs of events that wait for one. */
  readonly eventsWaiting: number;
}

/** All instances of this node: scales each function from nothing and back by its requests in flight. */
export class Pool implements Dispatcher, BundleChecker, FunctionPoolHost {
  readonly #anonymous: AnonymousPool;
  readonly #bundles: Bundles;
  readonly #stacks: Stacks;
  readonly #evidence: Evidence;
  readonly #idleMs: number;
  readonly #instancesMax: number;
  readonly #broker: Broker | null;
  readonly #variables: NonNullable<PoolOptions['variables']>;
  readonly #confidential: NonNullable<PoolOptions['confidential']>;
  readonly #callers: Callers;
  readonly #functions = new Map<DeployedFunction, FunctionPool>();
  readonly #inspection = new PooledInspectionRoom((memoryBytes) =>
    this.#anonymous.take(memoryBytes, 'event'),
  );
  readonly #reaper: NodeJS.Timeout;
  #total = 0;
  readonly #waiting: Record<Purpose, number> = { request: 0, event: 0 };

  constructor(options: PoolOptions) {
    const size = options.size ?? LIMITS.poolSize.value;
    const requestsWait = (): boolean => this.#waiting.request > 0;
    const { isolation, evidence } = options;
    this.#anonymous = new AnonymousPool({ isolation, evidence, size, requestsWait });
    this.#bundles = new Bundles(options.objects);
    this.#stacks = new Stacks(options.objects);
    this.#evidence = options.evidence;
    this.#idleMs = options.idleMs ?? LIMITS.instanceIdleMs.value;
    this.#instancesMax = options.instancesMax ?? LIMITS.instancesTotalMax.value;
    this.#broker = options.broker ?? null;
    this.#variables = options.variables ?? (() => Promise.resolve({}));
    this.#confidential = options.confidential ?? (() => Promise.resolve([]));
    this.#callers = new Callers(options.project ?? DEFAULT_PROJECT, this);
    this.#reaper = setInterval(() => this.#reap(), REAP_INTERVAL_MS);
    this.#reaper.unref();
  }

  /** How functions reach each other. */
  get services(): ServiceDirectory {
    return this.#callers;
  }

  /** Who takes the events that functions send along their pipes. */
  get pipes(): PipeDirectory {
    return this.#callers;
  }

  /** Where uploads are looked at. */
  get inspection(): InspectionRoom {
    return this.#inspection;
  }

  /** Resolves when the first sandbox is warm. Errors: CORDON_SANDBOX_FAILED. */
  open(): Promise<void> {
    return this.#anonymous.open();
  }

  dispatch(
    deployment: Deployment,
    fn: DeployedFunction,
    request: ExchangeRequest,
    sink: ResponseSink,
  ): Exchange {
    return this.#poolOf(deployment, fn).dispatch(request, sink);
  }

  /**
   * Says which functions are served from now on. One that takes the place of a busy one gets an instance
   * before its first request; instances of the others end with their requests.
   */
  succeed(served: ReadonlyMap<DeployedFunction, Deployment>): void {
    const busy = new Set<string>();
    for (const [fn, pool] of this.#functions) {
      if (served.has(fn)) continue;
      if (pool.instances.size > 0) busy.add(`${pool.deployment.app}/${fn.spec.name}`);
      pool.retire();
    }
    for (const [fn, deployment] of served) {
      if (busy.has(`${deployment.app}/${fn.spec.name}`)) this.#poolOf(deployment, fn).warm();
    }
  }

  async check(bundle: Uint8Array, format: 'script' | 'module', name: string): Promise<BundleCheck> {
    const instance = await this.#anonymous.take(LIMITS.functionMemoryBytesDefault.value);
    try {
      const assignment = {
        name,
        format,
        vars: {},
        bundle,
        codeCache: null,
        memoryBytes: LIMITS.functionMemoryBytesDefault.value,
      };
      const { answer, codeCache } = await instance.assign(assignment, { check: true });
      if (answer.failure !== null) throw loadError(answer.failure, name);
      return { handlers: answer.handlers, codeCache };
    } finally {
      instance.kill();
    }
  }

  async status(): Promise<PoolStatus> {
    const instances = await instanceStatuses([...this.#functions.values()]);
    const { request, event } = this.#waiting;
    return {
      pool: this.#anonymous.status(),
      instances,
      requestsWaiting: request,
      eventsWaiting: event,
    };
  }

  close(): void {
    clearInterval(this.#reaper);
    this.#anonymous.close();
    this.#inspection.close();
    for (const pool of this.#functions.values()) pool.close();
  }

  // ── for function pools ──

  async start(
    deployment: Deployment,
    fn: DeployedFunction,
    pool: FunctionPool,
    purpose: Purpose,
  ): Promise<Instance> {
    if (this.#total >= this.#instancesMax && !this.#evictIdle(purpose))
      throw new CordonError('CORDON_OVERLOADED');
    this.#total += 1;
    let instance: Instance | null = null;
    try {
      const [bytes, taken] = await Promise.all([
        this.#bundles.get(fn),
        this.#anonymous.take(fn.spec.limits.memoryBytes, purpose),
      ]);
      instance = taken;
      const journal = new InstanceJournal(this.#evidence, deployment, fn, instance.id);
      instance.observe(this.#observer(fn, pool, instance, journal));
      const context = this.#callers.contextOf(deployment, fn, instance.id);
      const redactor = createRedactor(await this.#confidential(context));
      journal.redactWith(redactor);
      if (this.#broker !== null) instance.serveCalls(this.#broker.opener(context, redactor));
      const variables = await this.#variables(context);
      const assignment = {
        name: `${deployment.app}/${fn.spec.name}`,
        format: fn.format,
        vars: { ...fn.spec.vars, ...variables },
        bindings: bindingsOf(fn.spec.grants),
        memoryBytes: fn.spec.limits.memoryBytes,
        ...bytes,
      };
      const { answer } = await instance.assign(assignment);
      if (answer.failure !== null) {
        // What code threw may say what it was given: it goes to the function's own log, which is scrubbed, and nowhere else.
        const { name, message, stack } = answer.failure.error;
        const mapped = await this.#stacks.map(fn, stack === '' ? `${name}: ${message}` : stack);
        journal.said('error', mapped, null);
        throw new CordonError('CORDON_FUNCTION_ERROR', `${assignment.name} failed while it was loaded.`);
      }
      return instance;
    } catch (thrown) {
      if (instance === null) this.#total -= 1;
      else instance.kill();
      throw thrown;
    }
  }

  enter(purpose: Purpose): boolean {
    const { request, event } = this.#waiting;
    const isFull =
      purpose === 'event'
        ? request + event >= LIMITS.eventsQueuedTotalMax.value
        : request >= LIMITS.queueTotalMax.value;
    if (isFull) return false;
    this.#waiting[purpose] += 1;
    return true;
  }

  leave(purpose: Purpose): void {
    this.#waiting[purpose] -= 1;
  }

  #poolOf(deployment: Deployment, fn: DeployedFunction): FunctionPool {
    let pool = this.#functions.get(fn);
    if (pool === undefined) {
      pool = new FunctionPool(deployment, fn, this);
      this.#functions.set(fn, pool);
    }
    return pool;
  }

  #observer(
    fn: DeployedFunction,
    pool: FunctionPool,
    instance: Instance,
    journal: InstanceJournal,
  ): InstanceObserver {
    return {
      log: (level, message, request) => journal.said(level, message, request),
      threw: (stack, request) =>
        void this.#stacks.map(fn, stack).then((mapped) => journal.said('error', mapped, request)),
      available: () => {
        if (instance.served >= LIMITS.instanceRequestsMax.value) instance.condemn();
        else if (pool.waiting > 0) pool.advance();
      },
      violated: (reason) => journal.violated(reason),
      denied: (what, request) => journal.denied(what, request),
      timedOut: (request, blocked) => journal.timedOut(request, blocked),
      gone: (exit) => {
        this.#total -= 1;
        journal.ended(exit);
        pool.gone(instance);
      },
    };
  }

  #reap(): void {
    const now = performance.now();
    for (const [fn, pool] of this.#functions) {
      for (const instance of pool.instances) {
        if (instance.serving && instance.inFlight === 0 && now - instance.idleSince >= this.#idleMs)
          instance.condemn();
      }
      if (pool.empty && now - pool.usedAt >= this.#idleMs) this.#functions.delete(fn);
    }
  }

  /**
   * Makes room by ending the instance that has been idle the longest; for events none of a function that answers
   * requests. False: there is none.
   */
  #evictIdle(purpose: Purpose): boolean {
    let oldest: Instance | null = null;
    for (const [fn, pool] of this.#functions) {
      if (purpose === 'event' && answersRequests(fn)) continue;
      for (const instance of pool.instances) {
        if (!instance.serving || instance.inFlight > 0) continue;
        if (oldest === null || instance.idleSince < oldest.idleSince) oldest = instance;
      }
    }
    oldest?.condemn();
    return oldest !== null;
  }
}

function loadError(
  failure: {
    readonly kind: 'throw' | 'invalid';
    readonly error: { readonly name: string; readonly message: string; readonly stack: string };
  },
  name: string,
): CordonError {
  const { message, stack } = failure.error;
  const code = failure.kind === 'invalid' ? 'CORDON_HANDLER_INVALID' : 'CORDON_IMPORT_THREW';
  return new CordonError(
    code,
    `Cannot load ${name}: ${failure.kind === 'invalid' ? message : `${failure.error.name}: ${message}`}`,
    { details: { stack } },
  );
}
