import { CordonError, LIMITS } from '../contract/index.ts';
import type { DeployedFunction, Deployment } from '../deploy/index.ts';
import type { Instance } from '../instance/index.ts';
import type { Exchange, ExchangeRequest, ResponseSink } from '../instance/index.ts';
import { QueuedExchange } from './queued-exchange.ts';

/** What a function pool needs from the pool of all functions. */
export interface FunctionPoolHost {
  /** A sandbox with the function loaded. Errors: as `Instance.assign` and `AnonymousPool.take`. */
  start(deployment: Deployment, fn: DeployedFunction, pool: FunctionPool): Promise<Instance>;
  /** Asks for a place in the machine's queue. False: it is full. */
  enter(): boolean;
  leave(): void;
}

/** Starts that may fail in a row before waiting requests are told. */
const START_ATTEMPTS_MAX = 2;

/** The instances of one function of one deployment, and the requests that wait for one. */
export class FunctionPool {
  readonly deployment: Deployment;
  readonly fn: DeployedFunction;
  readonly #host: FunctionPoolHost;
  readonly #instances = new Set<Instance>();
  #queue: QueuedExchange[] = [];
  #starting = 0;
  #failedStarts = 0;
  /** Monotonic time of the last request. */
  usedAt = performance.now();

  constructor(deployment: Deployment, fn: DeployedFunction, host: FunctionPoolHost) {
    this.deployment = deployment;
    this.fn = fn;
    this.#host = host;
  }

  get instances(): ReadonlySet<Instance> {
    return this.#instances;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** True when nothing of it is left to keep. */
  get empty(): boolean {
    return this.#instances.size === 0 && this.#starting === 0 && this.#queue.length === 0;
  }

  dispatch(request: ExchangeRequest, sink: ResponseSink): Exchange {
    this.usedAt = performance.now();
    const instance = this.#queue.length === 0 ? this.#roomiest() : null;
    if (instance !== null) return instance.run(request, sink, this.fn.spec.limits);
    const queued = new QueuedExchange(request, sink, (left) => this.#forget(left));
    if (this.#queue.length >= LIMITS.queuePerFunctionMax.value || !this.#host.enter()) {
      queued.fail(new CordonError('CORDON_OVERLOADED'));
      return queued;
    }
    this.#queue.push(queued);
    this.#scale();
    return queued;
  }

  /** Starts an instance although no request waits, for the first request after a deploy. */
  warm(): void {
    if (this.#instances.size + this.#starting === 0) this.#start();
  }

  /** Hands waiting requests to instances with room. */
  advance(): void {
    while (this.#queue.length > 0) {
      const instance = this.#roomiest();
      if (instance === null) break;
      const queued = this.#queue.shift();
      if (queued === undefined) break;
      this.#host.leave();
      queued.begin((request, sink) => instance.run(request, sink, this.fn.spec.limits));
    }
    this.#scale();
  }

  gone(instance: Instance): void {
    this.#instances.delete(instance);
    this.#scale();
  }

  /** Takes no instance further: the ones that run end with their requests. */
  retire(): void {
    for (const instance of this.#instances) instance.condemn();
  }

  close(): void {
    for (const queued of this.#queue.splice(0)) {
      this.#host.leave();
      queued.fail(new CordonError('CORDON_DRAINING'));
    }
    for (const instance of this.#instances) instance.kill();
  }

  /** The serving instance with the fewest requests, if any has room. */
  #roomiest(): Instance | null {
    let best: Instance | null = null;
    for (const instance of this.#instances) {
      if (!instance.serving || instance.inFlight >= this.fn.spec.limits.concurrency) continue;
      if (best === null || instance.inFlight < best.inFlight) best = instance;
    }
    return best;
  }

  /** One start for each `concurrency` requests that wait, up to the function's instances. */
  #scale(): void {
    const { concurrency, instances } = this.fn.spec.limits;
    const wanted = Math.ceil(this.#queue.length / concurrency);
    let alive = this.#starting;
    for (const instance of this.#instances) if (instance.alive) alive += 1;
    while (this.#starting < wanted && alive < instances) {
      alive += 1;
      this.#start();
    }
  }

  #start(): void {
    this.#starting += 1;
    this.#host.start(this.deployment, this.fn, this).then(
      (instance) => {
        this.#starting -= 1;
        this.#failedStarts = 0;
        this.#instances.add(instance);
        instance.idleSince = performance.now();
        this.advance();
      },
      (thrown: unknown) => {
        this.#starting -= 1;
        this.#startFailed(thrown);
      },
    );
  }

  #startFailed(thrown: unknown): void {
    this.#failedStarts += 1;
    const error =
      thrown instanceof CordonError
        ? thrown
        : new CordonError('CORDON_SANDBOX_FAILED', undefined, { cause: thrown });
    const hopeless = this.#failedStarts >= START_ATTEMPTS_MAX || error.fault === 'operator';
    if (hopeless && this.#instances.size + this.#starting === 0) {
      this.#failedStarts = 0;
      for (const queued of this.#queue.splice(0)) {
        this.#host.leave();
        queued.fail(error);
      }
      return;
    }
    this.#scale();
  }

  #forget(left: QueuedExchange): void {
    const index = this.#queue.indexOf(left);
    if (index < 0) return;
    this.#queue.splice(index, 1);
    this.#host.leave();
  }
}
