import { CordonError, LIMITS } from '../contract/index.ts';
import type { DeployedFunction, Deployment } from '../deploy/index.ts';
import type { Instance } from '../instance/index.ts';
import type { Exchange, ExchangeRequest, ResponseSink } from '../instance/index.ts';
import { eventPlacesMax } from './event-places.ts';
import type { Purpose } from './event-places.ts';
import { QueuedExchange } from './queued-exchange.ts';

/** What a function pool needs from the pool of all functions. */
export interface FunctionPoolHost {
  /** A sandbox with the function loaded. Errors: as `Instance.assign` and `AnonymousPool.take`. */
  start(
    deployment: Deployment,
    fn: DeployedFunction,
    pool: FunctionPool,
    purpose: Purpose,
  ): Promise<Instance>;
  /** Asks for a place in the machine's queue. False: it is full, or too full for an event. */
  enter(purpose: Purpose): boolean;
  leave(purpose: Purpose): void;
}

/** Starts that may fail in a row before waiting requests are told. */
const START_ATTEMPTS_MAX = 2;

/**
 * The instances of one function of one deployment, and the requests that wait for one. Events wait in a line of
 * their own: requests go first, and events leave places free for requests that come.
 */
export class FunctionPool {
  readonly deployment: Deployment;
  readonly fn: DeployedFunction;
  readonly #host: FunctionPoolHost;
  readonly #instances = new Set<Instance>();
  readonly #queues: Readonly<Record<Purpose, QueuedExchange[]>> = { request: [], event: [] };
  readonly #starting: Record<Purpose, number> = { request: 0, event: 0 };
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
    return this.#queues.request.length + this.#queues.event.length;
  }

  /** True when nothing of it is left to keep. */
  get empty(): boolean {
    return this.#instances.size === 0 && this.#startingAll === 0 && this.waiting === 0;
  }

  dispatch(request: ExchangeRequest, sink: ResponseSink): Exchange {
    this.usedAt = performance.now();
    const purpose = request.event === undefined ? 'request' : 'event';
    const instance = this.#isNext(purpose) ? this.#roomiest(request) : null;
    if (instance !== null) return this.#run(instance, request, sink);
    const queued = new QueuedExchange(request, sink, (left) => this.#forget(left, purpose));
    if (this.#isFull(purpose) || !this.#host.enter(purpose)) {
      queued.fail(new CordonError('CORDON_OVERLOADED'));
      return queued;
    }
    this.#queues[purpose].push(queued);
    this.advance();
    return queued;
  }

  /** Starts an instance although no request waits, for the first request after a deploy. */
  warm(): void {
    if (this.#instances.size + this.#startingAll === 0) this.#start('request');
  }

  /** Hands what waits to instances with room: requests, then events. */
  advance(): void {
    this.#handOut('request');
    this.#handOut('event');
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
    this.#failAll(new CordonError('CORDON_DRAINING'));
    for (const instance of this.#instances) instance.kill();
  }

  #handOut(purpose: Purpose): void {
    const queue = this.#queues[purpose];
    for (let index = 0; index < queue.length && this.#mayRun(purpose);) {
      const queued = queue[index];
      const instance = queued === undefined ? null : this.#roomiest(queued);
      if (queued === undefined || instance === null) {
        // What is to run alone holds up nothing that shares.
        if (queued?.alone !== true) return;
        index += 1;
        continue;
      }
      queue.splice(index, 1);
      this.#host.leave(purpose);
      queued.begin((request, sink) => this.#run(instance, request, sink));
    }
  }

  #run(instance: Instance, request: ExchangeRequest, sink: ResponseSink): Exchange {
    const { timeMs, responseBytes } = this.fn.spec.limits;
    // What a handler says of its events is no response of the function's, and is bounded by whoever reads it.
    const answerBytes = LIMITS.eventOutcomeBytesMax.value;
    const bytes = request.event === undefined ? responseBytes : Math.max(responseBytes, answerBytes);
    return instance.run(request, sink, { timeMs, responseBytes: bytes });
  }

  /** True where nothing waits that goes before one that comes now. */
  #isNext(purpose: Purpose): boolean {
    return this.#queues.request.length === 0 && (purpose === 'request' || this.#queues.event.length === 0)
      ? this.#mayRun(purpose)
      : false;
  }

  #mayRun(purpose: Purpose): boolean {
    return purpose === 'request' || this.#eventPlaces > 0;
  }

  /** Places that events may still take, beside what runs and the requests that wait. */
  get #eventPlaces(): number {
    let taken = this.#queues.request.length;
    for (const instance of this.#instances) if (instance.alive) taken += instance.inFlight;
    return eventPlacesMax(this.fn) - taken;
  }

  #isFull(purpose: Purpose): boolean {
    if (purpose === 'event') return this.waiting >= LIMITS.eventsQueuedPerFunctionMax.value;
    return this.#queues.request.length >= LIMITS.queuePerFunctionMax.value;
  }

  get #startingAll(): number {
    return this.#starting.request + this.#starting.event;
  }

  /** The serving instance with the fewest requests, if any has room; an empty one for what is to run alone. */
  #roomiest({ alone = false }: Pick<ExchangeRequest, 'alone'>): Instance | null {
    const most = alone ? 1 : this.fn.spec.limits.concurrency;
    let best: Instance | null = null;
    for (const instance of this.#instances) {
      if (!instance.serving || instance.inFlight >= most || instance.isTaken) continue;
      if (best === null || instance.inFlight < best.inFlight) best = instance;
    }
    return best;
  }

  /** One start for each `concurrency` requests and events that wait, up to the function's instances. */
  #scale(): void {
    const { concurrency, instances } = this.fn.spec.limits;
    const requests = this.#queues.request.length;
    const events = Math.min(this.#queues.event.length, Math.max(0, this.#eventPlaces));
    let alive = this.#startingAll;
    for (const instance of this.#instances) if (instance.alive) alive += 1;
    // A sandbox that events wait for may come later than one for requests, so that it does not count for them.
    for (; this.#starting.request < Math.ceil(requests / concurrency) && alive < instances; alive += 1)
      this.#start('request');
    for (; this.#startingAll < Math.ceil((requests + events) / concurrency) && alive < instances; alive += 1)
      this.#start('event');
  }

  #start(purpose: Purpose): void {
    this.#starting[purpose] += 1;
    this.#host.start(this.deployment, this.fn, this, purpose).then(
      (instance) => {
        this.#starting[purpose] -= 1;
        this.#failedStarts = 0;
        this.#instances.add(instance);
        instance.idleSince = performance.now();
        this.advance();
      },
      (thrown: unknown) => {
        this.#starting[purpose] -= 1;
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
    // Those that live or start ask again once they have room. Asking now would fail at once for as long as the node is full.
    if (this.#instances.size + this.#startingAll > 0) return;
    if (this.#failedStarts < START_ATTEMPTS_MAX && error.fault !== 'operator') {
      this.#scale();
      return;
    }
    this.#failedStarts = 0;
    this.#failAll(error);
  }

  #failAll(error: CordonError): void {
    for (const purpose of ['request', 'event'] as const) {
      for (const queued of this.#queues[purpose].splice(0)) {
        this.#host.leave(purpose);
        queued.fail(error);
      }
    }
  }

  #forget(left: QueuedExchange, purpose: Purpose): void {
    const queue = this.#queues[purpose];
    const index = queue.indexOf(left);
    if (index < 0) return;
    queue.splice(index, 1);
    this.#host.leave(purpose);
  }
}
