import { CordonError, LIMITS } from '../contract/index.ts';
import type { Evidence } from '../evidence/index.ts';
import { Instance } from '../instance/index.ts';
import type { Isolation } from '../sandbox/index.ts';
import type { Purpose } from './event-places.ts';

/** Sandboxes of up to this memory share one class, so that any of them serves most functions. */
const COMMON_MEMORY_BYTES = LIMITS.functionMemoryBytesDefault.value;
const RETRY_DELAY_MS = 500;
/** A boot takes the cores that the cold start under way needs, so the refill waits until that has answered. */
const REFILL_DELAY_MS = 50;

interface Waiter {
  readonly memoryBytes: number;
  readonly purpose: Purpose;
  resolve(instance: Instance): void;
  reject(error: CordonError): void;
}

/**
 * Warm sandboxes without a name, secret or grant. `take` hands one over; the pool refills behind it, with a
 * bound on boots at a time. Heaps are sized at boot, so a function with more memory than the common class
 * gets a sandbox that boots for it.
 */
export class AnonymousPool {
  readonly #isolation: Isolation;
  readonly #evidence: Evidence;
  readonly #size: number;
  readonly #requestsWait: () => boolean;
  readonly #ready: Instance[] = [];
  readonly #waiters: Waiter[] = [];
  #booting = 0;
  #bootingCommon = 0;
  #closed = false;
  #failures = 0;
  #refill: NodeJS.Timeout | null = null;

  constructor(options: {
    readonly isolation: Isolation;
    readonly evidence: Evidence;
    readonly size: number;
    /** Whether requests wait for an instance now. */
    readonly requestsWait: () => boolean;
  }) {
    this.#isolation = options.isolation;
    this.#evidence = options.evidence;
    this.#size = options.size;
    this.#requestsWait = options.requestsWait;
  }

  status(): { readonly warm: number; readonly booting: number; readonly size: number } {
    return { warm: this.#ready.length, booting: this.#booting, size: this.#size };
  }

  /** Boots up to the pool's size. Resolves when the first sandbox is warm. Errors: CORDON_SANDBOX_FAILED. */
  async open(): Promise<void> {
    const first = this.take(COMMON_MEMORY_BYTES);
    this.#fill();
    this.#giveBack(await first);
  }

  /**
   * A warm sandbox, or one as soon as it has booted. One for events leaves the last warm one to requests that wait.
   * Errors: CORDON_SANDBOX_FAILED, CORDON_DRAINING.
   */
  take(memoryBytes: number, purpose: Purpose = 'request'): Promise<Instance> {
    if (this.#closed) return Promise.reject(new CordonError('CORDON_DRAINING'));
    if (memoryBytes <= COMMON_MEMORY_BYTES && (purpose === 'request' || !this.#isReserved())) {
      for (let instance = this.#ready.shift(); instance !== undefined; instance = this.#ready.shift()) {
        if (!instance.alive) continue;
        this.#fillSoon();
        return Promise.resolve(instance);
      }
    }
    return new Promise((resolve, reject) => {
      const wanted = Math.max(memoryBytes, COMMON_MEMORY_BYTES);
      this.#waiters.push({ memoryBytes: wanted, purpose, resolve, reject });
      this.#fill();
    });
  }

  close(): void {
    this.#closed = true;
    if (this.#refill !== null) clearTimeout(this.#refill);
    for (const instance of this.#ready) instance.kill();
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new CordonError('CORDON_DRAINING'));
  }

  /** Takes back a sandbox that was not used for anything. */
  #giveBack(instance: Instance): void {
    if (this.#closed) {
      instance.kill();
      return;
    }
    const common = this.#waiters.filter((waiter) => waiter.memoryBytes <= COMMON_MEMORY_BYTES);
    const waiter = common.find(({ purpose }) => purpose === 'request') ?? common[0];
    if (waiter !== undefined) this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
    if (waiter !== undefined) waiter.resolve(instance);
    else this.#ready.push(instance);
  }

  #isReserved(): boolean {
    return this.#ready.length <= LIMITS.eventSandboxesReservedForRequests.value && this.#requestsWait();
  }

  #fillSoon(): void {
    this.#refill ??= setTimeout(() => {
      this.#refill = null;
      this.#fill();
    }, REFILL_DELAY_MS);
  }

  #fill(): void {
    while (!this.#closed && this.#booting < LIMITS.bootsInFlightMax.value) {
      const large = this.#waiters.findIndex((waiter) => waiter.memoryBytes > COMMON_MEMORY_BYTES);
      const [waiter] = large < 0 ? [] : this.#waiters.splice(large, 1);
      if (waiter !== undefined) {
        void this.#boot(waiter.memoryBytes, waiter);
        continue;
      }
      if (this.#ready.length + this.#bootingCommon >= this.#size + this.#waiters.length) return;
      void this.#boot(COMMON_MEMORY_BYTES, null);
    }
  }

  async #boot(memoryBytesMax: number, waiter: Waiter | null): Promise<void> {
    this.#booting += 1;
    if (waiter === null) this.#bootingCommon += 1;
    try {
      const pidsMax = LIMITS.instancePidsMax.value;
      const instance = await Instance.start(this.#isolation, { memoryBytesMax, cpuCoresMax: 1, pidsMax });
      await instance.ready;
      this.#failures = 0;
      if (waiter !== null) waiter.resolve(instance);
      else this.#giveBack(instance);
    } catch (thrown) {
      this.#failed(thrown, waiter);
    } finally {
      this.#booting -= 1;
      if (waiter === null) this.#bootingCommon -= 1;
      this.#fillLater();
    }
  }

  #failed(thrown: unknown, waiter: Waiter | null): void {
    this.#failures += 1;
    const error =
      thrown instanceof CordonError
        ? thrown
        : new CordonError('CORDON_SANDBOX_FAILED', undefined, { cause: thrown });
    if (!this.#closed) {
      this.#evidence.log({
        level: 'error',
        source: 'platform',
        app: '',
        function: '',
        deployment: '',
        instance: null,
        request: null,
        message: `${error.message} ${JSON.stringify(error.details)}`,
      });
    }
    const failed = waiter ?? this.#waiters.shift();
    failed?.reject(error);
  }

  /** After a failure the next boot waits, so that a broken machine is not kept busy with failing. */
  #fillLater(): void {
    if (this.#failures === 0) this.#fill();
    else
      setTimeout(() => this.#fill(), Math.min(RETRY_DELAY_MS * this.#failures, 10 * RETRY_DELAY_MS)).unref();
  }
}
