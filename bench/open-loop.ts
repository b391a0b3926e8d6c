/** Requests at a rate, whatever becomes of those before: an open loop over connections that are all kept busy alike. */
import { Connection, encodeRequest, type ResponseListener } from './connection.ts';
import { UNANSWERED, type OpenOrder, type OpenResult } from './load.ts';

/** How often it looks which requests are due. */
const TICK_MS = 1;
/** How long it waits for answers once no more is sent. */
const LINGER_MS = 15_000;

/** Runs one order. What fails is counted: servers under a flood may close connections. */
export async function runOpenLoop(order: OpenOrder): Promise<OpenResult> {
  const loop = new OpenLoop(order);
  await loop.connect();
  return loop.run();
}

class OpenLoop {
  readonly #order: OpenOrder;
  readonly #request: Buffer;
  readonly #all = new Set<Lane>();
  /** The one that has waited longest comes first. */
  readonly #free: Lane[] = [];
  /** Times at which requests were due that no connection was free for. */
  readonly #overdue: number[] = [];
  readonly #samples: OpenResult['samples'] = { dueMs: [], latencyMs: [], status: [] };
  readonly #idle = Promise.withResolvers<void>();

  constructor(order: OpenOrder) {
    this.#order = order;
    this.#request = encodeRequest(order);
  }

  async connect(): Promise<void> {
    const { connections } = this.#order;
    await Promise.all(Array.from({ length: connections }, () => this.#openLane()));
  }

  async run(): Promise<OpenResult> {
    const { durationMs, requestsPerSecond } = this.#order;
    const pauseMs = 1000 / requestsPerSecond;
    const startedAt = performance.now();
    const endsAt = startedAt + durationMs;
    let nextAt = startedAt;
    const timer = setInterval(() => {
      const now = Math.min(performance.now(), endsAt);
      for (; nextAt < now; nextAt += pauseMs) this.#overdue.push(nextAt);
      if (now < endsAt) this.#send();
      else if (this.#free.length === this.#all.size) this.#idle.resolve();
    }, TICK_MS);
    const deadline = setTimeout(() => this.#idle.resolve(), durationMs + LINGER_MS);
    await this.#idle.promise;
    clearInterval(timer);
    clearTimeout(deadline);
    for (const lane of this.#all) {
      const due = lane.close();
      if (due !== null) this.#settle(due, UNANSWERED);
    }
    for (const due of this.#overdue) this.#settle(due, UNANSWERED);
    const { dueMs, latencyMs, status } = this.#samples;
    return {
      startedAt: performance.timeOrigin + startedAt,
      samples: { dueMs: dueMs.map((at) => at - startedAt), latencyMs, status },
      problem: null,
    };
  }

  #send(): void {
    while (this.#overdue.length > 0) {
      const lane = this.#free.shift();
      if (lane === undefined) return;
      lane.send(this.#request, this.#overdue.shift() ?? 0);
    }
  }

  #settle(due: number, status: number): void {
    this.#samples.dueMs.push(due);
    this.#samples.latencyMs.push(performance.now() - due);
    this.#samples.status.push(status);
  }

  async #openLane(): Promise<void> {
    const lane: Lane = await Lane.open(this.#order, {
      answered: (due, status) => {
        this.#settle(due, status);
        this.#free.push(lane);
      },
      broken: (due) => {
        this.#all.delete(lane);
        const index = this.#free.indexOf(lane);
        if (index >= 0) this.#free.splice(index, 1);
        if (due !== null) this.#settle(due, UNANSWERED);
        // Where the server takes no more, the others have to do.
        this.#openLane().catch(() => undefined);
      },
    });
    this.#all.add(lane);
    this.#free.push(lane);
  }
}

interface LaneEvents {
  answered(due: number, status: number): void;
  /** `due`: of the request that was lost; null for none. */
  broken(due: number | null): void;
}

/** One connection, with the time at which its request was due. */
class Lane {
  #connection: Connection | null = null;
  #due: number | null = null;
  #isClosed = false;

  static async open(order: OpenOrder, events: LaneEvents): Promise<Lane> {
    const lane = new Lane();
    const listener: ResponseListener = {
      first: () => undefined,
      end: (status) => {
        const due = lane.#due;
        lane.#due = null;
        if (due !== null) events.answered(due, status);
      },
      failed: () => {
        if (lane.#isClosed) return;
        events.broken(lane.close());
      },
    };
    lane.#connection = await Connection.open(order.port, listener, order.tls);
    return lane;
  }

  send(request: Buffer, due: number): void {
    this.#due = due;
    this.#connection?.send(request);
  }

  /** Returns when the request was due that is lost by it; null for none. */
  close(): number | null {
    this.#isClosed = true;
    this.#connection?.close();
    return this.#due;
  }
}
