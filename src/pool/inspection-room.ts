import { CordonError, LIMITS, newId } from '../contract/index.ts';
import type { InspectionRoom, InspectionTask } from '../inspection/index.ts';
import type { Exchange, Instance, InstanceObserver, ResponseSink } from '../instance/index.ts';

const ANSWER_BYTES_MAX = 64 * 1024;
const NAME = 'platform/inspection';
const COMMON_MEMORY_BYTES = LIMITS.functionMemoryBytesDefault.value;

/** What the code says is in its answer; what ends it is an error of the file’s exchange. */
const DEAF: InstanceObserver = {
  log() {},
  threw() {},
  available() {},
  violated() {},
  timedOut() {},
  denied() {},
  gone() {},
};

/** A sandbox, as `AnonymousPool.take` gives it. */
type Take = (memoryBytes: number) => Promise<Instance>;

/**
 * Reads hostile files in anonymous sandboxes: small ones in one that serves `uploadSniffsMax` of them, others in one
 * that is killed afterwards. None of them has a broker, so there is nothing that they could call.
 */
export class PooledInspectionRoom implements InspectionRoom {
  readonly #take: Take;
  readonly #open = new Set<Instance>();
  #shared: { readonly bundle: Uint8Array; readonly instance: Promise<Instance> } | null = null;
  #closed = false;

  constructor(take: Take) {
    this.#take = take;
  }

  async run(bundle: Uint8Array, task: InspectionTask): Promise<unknown> {
    const instance = task.alone ? await this.#start(bundle, task.memoryBytes) : await this.#reuse(bundle);
    try {
      const answer = await exchange(instance, task);
      // It ends once its other files are read.
      if (instance.served >= LIMITS.uploadSniffsMax.value) instance.condemn();
      return answer;
    } catch (thrown) {
      instance.condemn();
      // It was the end of the server, not the file.
      throw this.#closed ? new CordonError('CORDON_DRAINING', undefined, { cause: thrown }) : thrown;
    } finally {
      if (task.alone) instance.kill();
    }
  }

  close(): void {
    this.#closed = true;
    for (const instance of this.#open) instance.kill();
  }

  /** The sandbox for small files, or a new one where there is none that takes more. */
  async #reuse(bundle: Uint8Array): Promise<Instance> {
    for (;;) {
      if (this.#shared?.bundle !== bundle) {
        const shared = { bundle, instance: this.#start(bundle, COMMON_MEMORY_BYTES) };
        this.#shared = shared;
        shared.instance.catch(() => {
          if (this.#shared === shared) this.#shared = null;
        });
      }
      const { instance } = this.#shared;
      const started = await instance;
      if (started.serving) return started;
      if (this.#shared?.instance === instance) this.#shared = null;
    }
  }

  async #start(bundle: Uint8Array, memoryBytes: number): Promise<Instance> {
    const instance = await this.#take(memoryBytes);
    this.#open.add(instance);
    instance.observe({ ...DEAF, gone: () => this.#open.delete(instance) });
    if (this.#closed) instance.kill();
    try {
      const assignment = {
        name: NAME,
        format: 'script',
        vars: {},
        bundle,
        codeCache: null,
        memoryBytes,
      } as const;
      const { answer } = await instance.assign(assignment);
      if (answer.failure === null) return instance;
      const { name, message } = answer.failure.error;
      throw new CordonError(
        'CORDON_SANDBOX_FAILED',
        `The inspecting code does not load: ${name}: ${message}`,
      );
    } catch (thrown) {
      instance.kill();
      throw thrown instanceof CordonError && thrown.code.startsWith('CORDON_FUNCTION_')
        ? new CordonError('CORDON_SANDBOX_FAILED', undefined, { cause: thrown })
        : thrown;
    }
  }
}

/** Sends the body at the pace at which the guest reads it, and waits for the answer. */
async function exchange(instance: Instance, { target, body, timeMs }: InspectionTask): Promise<unknown> {
  const answered = Promise.withResolvers<unknown>();
  answered.promise.catch(() => undefined);
  let drained: () => void = () => undefined;
  const pieces: Uint8Array[] = [];
  const finish = (): void => answered.resolve(Buffer.concat(pieces).toString());
  const wake = (): void => drained();
  const sink: ResponseSink = {
    head(status, _headers, first, last) {
      if (status !== 200) answered.reject(new CordonError('CORDON_FUNCTION_RESPONSE'));
      if (first !== null) this.data(first);
      if (last) finish();
    },
    data(chunk) {
      pieces.push(Buffer.from(chunk));
      open.consumed(chunk.byteLength);
    },
    end: finish,
    message: () => undefined,
    closed: () => undefined,
    drain: wake,
    failed(error) {
      answered.reject(error);
      wake();
    },
  };
  const request = { id: newId('req'), method: 'POST', url: `http://inspection${target}`, headers: [] };
  const limits = { timeMs, responseBytes: ANSWER_BYTES_MAX };
  const open: Exchange = instance.run(
    { ...request, webSocket: false, body: null, streams: true },
    sink,
    limits,
  );
  let isOver = false;
  const over = answered.promise.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  try {
    for await (const chunk of body) {
      if (isOver) break;
      const isDrained = new Promise<void>((resolve) => (drained = resolve));
      if (!open.write(chunk)) await Promise.race([isDrained, over]);
    }
    open.end();
  } catch (thrown) {
    open.abort();
    throw thrown;
  }
  return parse(await answered.promise);
}

function parse(text: unknown): unknown {
  try {
    return JSON.parse(String(text)) as unknown;
  } catch (cause) {
    throw new CordonError('CORDON_FUNCTION_RESPONSE', undefined, { cause });
  }
}
