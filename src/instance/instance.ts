import { CordonError, LIMITS, newId } from '../contract/index.ts';
import {
  ChannelViolation,
  FLAG,
  FRAME,
  FrameDecoder,
  LOG_LEVELS,
  decodeClose,
  decodeCredit,
  decodeHead,
} from '../channel/index.ts';
import type { AssignHead, AssignedHead, FailureHead } from '../channel/index.ts';
import type { Isolation, Sandbox, SandboxExit, SandboxLimits } from '../sandbox/index.ts';
import { HostStream } from './host-stream.ts';
import type { StreamOwner } from './host-stream.ts';
import { parseAssigned, parseFailure, parseResponse } from './guest-messages.ts';
import { Outbox } from './outbox.ts';
import type { Exchange, ExchangeRequest, ResponseSink } from './port.ts';

/** What an instance tells the pool. None of them may throw. */
export interface InstanceObserver {
  log(level: (typeof LOG_LEVELS)[number], message: string, requestId: string | null): void;
  /** A stream ended: there is room for another. */
  available(): void;
  /** The guest broke the protocol and is being killed. */
  violated(reason: string): void;
  /** A request overran its time limit; `blocked` when the guest did not even answer a ping. */
  timedOut(requestId: string, blocked: boolean): void;
  gone(exit: SandboxExit): void;
}

export interface Assignment {
  readonly name: string;
  readonly format: 'script' | 'module';
  readonly vars: Readonly<Record<string, string>>;
  readonly bundle: Uint8Array;
  readonly codeCache: Uint8Array | null;
  /** Bytes of memory of the function; the sandbox's limit is set to it. */
  readonly memoryBytes: number;
}

export interface Loaded {
  readonly answer: AssignedHead;
  readonly codeCache: Uint8Array | null;
}

type State = 'booting' | 'anonymous' | 'assigning' | 'serving' | 'condemned' | 'gone';

const quiet: InstanceObserver = { log() {}, available() {}, violated() {}, timedOut() {}, gone() {} };
const encoder = new TextEncoder();

/** One sandbox and the host's end of its channel. Anonymous until `assign`; then one function, for good. */
export class Instance implements StreamOwner {
  readonly id = newId('ins');
  readonly ready: Promise<void>;
  /** Milliseconds since the epoch. */
  readonly startedAt = Date.now();
  /** Requests served or in progress. */
  served = 0;
  /** Monotonic time at which it last became idle. */
  idleSince = 0;
  #state: State = 'booting';
  #observer: InstanceObserver = quiet;
  readonly #sandbox: Sandbox;
  readonly #outbox: Outbox;
  readonly #streams = new Map<number, HostStream>();
  readonly #decoder = new FrameDecoder(LIMITS.frameBytesMax.value);
  #nextStream = 1;
  #overdue = new Set<HostStream>();
  #pingTimer: NodeJS.Timeout | null = null;
  #becomeReady: () => void = () => undefined;
  #failReady: (error: CordonError) => void = () => undefined;
  #loaded: { resolve(loaded: Loaded): void; reject(error: CordonError): void; timer: NodeJS.Timeout } | null =
    null;

  private constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
    this.#outbox = new Outbox(sandbox.channel);
    this.ready = new Promise((resolve, reject) => {
      this.#becomeReady = resolve;
      this.#failReady = reject;
    });
    this.ready.catch(() => undefined);
    const timer = setTimeout(() => this.kill(), LIMITS.sandboxStartTimeoutMs.value);
    this.ready.then(
      () => clearTimeout(timer),
      () => clearTimeout(timer),
    );
    sandbox.channel.on('data', (chunk: Buffer) => this.#receive(chunk));
    sandbox.channel.on('error', () => this.kill());
    sandbox.channel.on('close', () => this.kill());
    void sandbox.exited.then((exit) => this.#exit(exit));
  }

  /** Starts a sandbox. Errors: CORDON_SANDBOX_FAILED. `ready` tells when it can be assigned. */
  static async start(isolation: Isolation, limits: SandboxLimits): Promise<Instance> {
    try {
      return new Instance(await isolation.start(limits));
    } catch (cause) {
      throw new CordonError('CORDON_SANDBOX_FAILED', 'Cannot start a sandbox.', { cause });
    }
  }

  get inFlight(): number {
    return this.#streams.size;
  }

  /** True while it takes requests. */
  get serving(): boolean {
    return this.#state === 'serving';
  }

  get alive(): boolean {
    return this.#state !== 'gone' && this.#state !== 'condemned';
  }

  get pid(): number {
    return this.#sandbox.pid;
  }

  usage(): { readonly memoryBytes: number; readonly cpuMicros: number } {
    return this.#sandbox.usage();
  }

  observe(observer: InstanceObserver): void {
    this.#observer = observer;
  }

  /**
   * Gives it a bundle, once. The answer may say that the module failed. Errors: CORDON_SANDBOX_FAILED when
   * the sandbox died, CORDON_CHECK_TIMEOUT when the module did not load in time.
   */
  assign(assignment: Assignment, options: { readonly check?: boolean } = {}): Promise<Loaded> {
    if (this.#state !== 'anonymous') {
      return Promise.reject(new CordonError('CORDON_SANDBOX_FAILED', 'The sandbox is not there any more.'));
    }
    this.#state = 'assigning';
    this.#sandbox.setMemoryLimit(assignment.memoryBytes);
    const { bundle, codeCache } = assignment;
    const head: AssignHead = {
      name: assignment.name,
      format: assignment.format,
      vars: assignment.vars,
      bundleBytes: bundle.byteLength,
      codeCacheBytes: codeCache?.byteLength ?? 0,
      windowBytes: LIMITS.streamWindowBytes.value,
    };
    const json = encoder.encode(JSON.stringify(head));
    const body = Buffer.allocUnsafe(4 + json.byteLength + bundle.byteLength + head.codeCacheBytes);
    body.writeUInt32LE(json.byteLength, 0);
    body.set(json, 4);
    body.set(bundle, 4 + json.byteLength);
    if (codeCache !== null) body.set(codeCache, 4 + json.byteLength + bundle.byteLength);
    this.#outbox.send(FRAME.assign, options.check === true ? FLAG.check : 0, 0, body);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#loaded = null;
        reject(new CordonError('CORDON_CHECK_TIMEOUT'));
        this.kill();
      }, LIMITS.assignTimeoutMs.value);
      this.#loaded = { resolve, reject, timer };
    });
  }

  /** Starts a request. The caller has seen `serving` and room in `inFlight`. */
  run(
    request: ExchangeRequest,
    sink: ResponseSink,
    limits: { readonly timeMs: number; readonly responseBytes: number },
  ): Exchange {
    const id = this.#nextStream++;
    const stream = new HostStream(id, request, sink, limits, this.#outbox, this);
    this.#streams.set(id, stream);
    this.served += 1;
    sink.assigned?.(this.id);
    if (this.#outbox.waitingBytes > LIMITS.channelBufferBytesMax.value)
      this.#violate('the guest does not read its channel');
    return stream;
  }

  /** Takes no further request; ends when the ones in flight have ended. */
  condemn(): void {
    if (!this.alive) return;
    this.#state = 'condemned';
    this.#killWhenDone();
  }

  kill(): void {
    if (this.#state === 'gone') return;
    this.#state = 'condemned';
    this.#sandbox.kill();
  }

  /** The time limit of a stream passed: the caller is told, and the instance ends with its last other request. */
  overdue(stream: HostStream): void {
    if (!stream.upgraded || !stream.answering) {
      // From here on it takes no request: it may be in a loop.
      if (this.alive) this.#state = 'condemned';
      this.#overdue.add(stream);
      this.#outbox.send(FRAME.abort, 0, stream.id, null);
      stream.fail(new CordonError('CORDON_FUNCTION_TIMEOUT'));
    }
    if (this.#pingTimer !== null) return;
    this.#outbox.send(FRAME.ping, 0, 0, null);
    this.#pingTimer = setTimeout(() => {
      this.#observer.timedOut(stream.requestId, true);
      this.kill();
    }, LIMITS.pingTimeoutMs.value);
  }

  #pong(): void {
    if (this.#pingTimer === null) return;
    clearTimeout(this.#pingTimer);
    this.#pingTimer = null;
    for (const stream of this.#streams.values()) if (stream.upgraded && stream.answering) stream.rearm();
    const [late] = this.#overdue;
    if (late === undefined) return;
    this.#observer.timedOut(late.requestId, false);
    this.#killWhenDone();
  }

  #killWhenDone(): void {
    if (this.#pingTimer === null && this.#state === 'condemned' && this.#streams.size <= this.#overdue.size)
      this.kill();
  }

  #receive(chunk: Buffer): void {
    if (this.#state === 'gone') return;
    try {
      this.#decoder.push(chunk, this.#handle);
    } catch (thrown) {
      this.#violate(thrown instanceof Error ? thrown.message : 'unreadable frame');
    }
  }

  #violate(reason: string): void {
    if (this.#state === 'gone') return;
    const error = new CordonError(
      'CORDON_CHANNEL_VIOLATION',
      `The sandbox broke the channel protocol: ${reason}.`,
    );
    this.#observer.violated(reason);
    for (const stream of this.#streams.values()) stream.fail(error);
    this.kill();
  }

  readonly #handle = (type: number, flags: number, id: number, payload: Uint8Array): void => {
    if (id === 0) {
      this.#handleInstanceFrame(type, flags, payload);
      return;
    }
    if (type === FRAME.log) {
      this.#log(flags, id, payload);
      return;
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      // Credit may cross with the end of its stream.
      if (type === FRAME.credit && id < this.#nextStream) return;
      throw new ChannelViolation(`a frame of type ${type} for a stream that is not open`);
    }
    switch (type) {
      case FRAME.response: {
        const { head, body } = decodeHead(payload);
        const [status, headers] = parseResponse(head);
        stream.response(status, headers, body, flags);
        break;
      }
      case FRAME.data:
        stream.data(payload, flags);
        break;
      case FRAME.credit:
        stream.credit(decodeCredit(payload));
        break;
      case FRAME.close: {
        const { code, reason } = decodeClose(payload);
        stream.closed(code, reason);
        break;
      }
      case FRAME.failure:
        this.#fail(stream, parseFailure(decodeHead(payload).head));
        break;
      case FRAME.done:
        break;
      default:
        throw new ChannelViolation(`a frame of the unknown type ${type}`);
    }
    if (type === FRAME.done || (flags & FLAG.done) !== 0) this.#finish(stream);
  };

  #handleInstanceFrame(type: number, flags: number, payload: Uint8Array): void {
    if (type === FRAME.log) this.#log(flags, 0, payload);
    else if (type === FRAME.pong) this.#pong();
    else if (type === FRAME.ready && this.#state === 'booting') {
      this.#state = 'anonymous';
      this.#becomeReady();
    } else if (type === FRAME.assigned && this.#loaded !== null && this.#state === 'assigning') {
      const { head, body } = decodeHead(payload);
      const answer = parseAssigned(head);
      const loaded = this.#loaded;
      this.#loaded = null;
      clearTimeout(loaded.timer);
      this.#state = answer.failure === null ? 'serving' : 'condemned';
      loaded.resolve({ answer, codeCache: body.byteLength > 0 ? Uint8Array.from(body) : null });
    } else throw new ChannelViolation(`a frame of type ${type} out of order`);
  }

  #log(flags: number, id: number, payload: Uint8Array): void {
    const level = LOG_LEVELS[flags];
    if (level === undefined) throw new ChannelViolation('a log line of an unknown level');
    const bounded = payload.subarray(0, LIMITS.logLineBytesMax.value);
    this.#observer.log(level, new TextDecoder().decode(bounded), this.#streams.get(id)?.requestId ?? null);
  }

  #fail(stream: HostStream, failure: FailureHead): void {
    const { error, kind } = failure;
    const text = error.stack === '' ? `${error.name}: ${error.message}` : error.stack;
    this.#observer.log('error', text, stream.requestId);
    stream.fail(
      new CordonError(kind === 'throw' ? 'CORDON_FUNCTION_ERROR' : 'CORDON_FUNCTION_RESPONSE', error.message),
    );
  }

  #finish(stream: HostStream): void {
    if (!stream.finish()) throw new ChannelViolation('a stream ended without an answer');
    this.#streams.delete(stream.id);
    this.#overdue.delete(stream);
    if (this.#streams.size === 0) this.idleSince = performance.now();
    this.#killWhenDone();
    if (this.#state === 'serving') this.#observer.available();
  }

  #exit(exit: SandboxExit): void {
    this.#state = 'gone';
    if (this.#pingTimer !== null) clearTimeout(this.#pingTimer);
    this.#failReady(
      new CordonError('CORDON_SANDBOX_FAILED', `The sandbox ended before it was ready: ${exit.reason}.`, {
        details: { ...exit },
      }),
    );
    if (this.#loaded !== null) {
      clearTimeout(this.#loaded.timer);
      this.#loaded.reject(exitError(exit));
      this.#loaded = null;
    }
    for (const stream of this.#streams.values()) {
      stream.fail(exitError(exit));
      stream.finish();
    }
    this.#streams.clear();
    this.#observer.gone(exit);
  }
}

function exitError(exit: SandboxExit): CordonError {
  const memory = exit.reason === 'memory' || /out of memory/i.test(exit.stderr);
  const code = memory ? 'CORDON_FUNCTION_MEMORY' : 'CORDON_FUNCTION_CRASHED';
  return new CordonError(code, undefined, {
    details: { reason: exit.reason, code: exit.code, signal: exit.signal },
  });
}
