import { CordonError, LIMITS } from '../contract/index.ts';
import { FLAG, FRAME } from '../channel/index.ts';
import type { AssignHead, AssignedHead, Bindings } from '../channel/index.ts';
import type { Outbox } from './outbox.ts';

export interface Assignment {
  /** File name for stack traces: `app/function`. */
  readonly name: string;
  readonly format: 'script' | 'module';
  readonly vars: Readonly<Record<string, string>>;
  /** Names in `env` by capability. Default: none. */
  readonly bindings?: Bindings;
  readonly bundle: Uint8Array;
  readonly codeCache: Uint8Array | null;
  /** Bytes of memory of the function; the sandbox's limit is set to it. */
  readonly memoryBytes: number;
}

export interface Loaded {
  readonly answer: AssignedHead;
  readonly codeCache: Uint8Array | null;
}

/** The time between `assign` and its answer. */
export class Loading {
  readonly result: Promise<Loaded>;
  readonly #timer: NodeJS.Timeout;
  #resolve: (loaded: Loaded) => void = () => undefined;
  #reject: (error: CordonError) => void = () => undefined;

  /** `late` is called when the guest did not answer in time, after `result` was rejected. */
  constructor(outbox: Outbox, assignment: Assignment, check: boolean, late: () => void) {
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = setTimeout(() => {
      this.failed(new CordonError('CORDON_CHECK_TIMEOUT'));
      late();
    }, LIMITS.assignTimeoutMs.value);
    outbox.sendHead(FRAME.assign, check ? FLAG.check : 0, 0, headOf(assignment), bodyOf(assignment));
  }

  answered(answer: AssignedHead, body: Uint8Array): void {
    clearTimeout(this.#timer);
    this.#resolve({ answer, codeCache: body.byteLength > 0 ? Uint8Array.from(body) : null });
  }

  failed(error: CordonError): void {
    clearTimeout(this.#timer);
    this.#reject(error);
  }
}

function headOf(assignment: Assignment): AssignHead {
  return {
    name: assignment.name,
    format: assignment.format,
    vars: assignment.vars,
    bindings: assignment.bindings ?? {},
    bundleBytes: assignment.bundle.byteLength,
    codeCacheBytes: assignment.codeCache?.byteLength ?? 0,
    windowBytes: LIMITS.streamWindowBytes.value,
  };
}

function bodyOf({ bundle, codeCache }: Assignment): Uint8Array {
  return codeCache === null ? bundle : Buffer.concat([bundle, codeCache]);
}
