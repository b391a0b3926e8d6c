import { CordonError, LIMITS, newId } from '../contract/index.ts';
import {
  CALL_STREAM_BIT,
  ChannelViolation,
  FLAG,
  FRAME,
  FrameDecoder,
  LOG_LEVELS,
  decodeClose,
  decodeCredit,
  decodeHead,
} from '../channel/index.ts';
import type { FailureHead } from '../channel/index.ts';
import type { Isolation, Sandbox, SandboxExit, SandboxLimits } from '../sandbox/index.ts';
import { bootError, exitError } from './exit-error.ts';
import { GuestCalls } from './guest-calls.ts';
import { EndedHops } from './hops.ts';
import { HostStream } from './host-stream.ts';
import type { StreamOwner } from './host-stream.ts';
import { parseAssigned, parseFailure, parseResponse, textWithin } from './guest-messages.ts';
import { QUIET } from './instance-observer.ts';
import type { InstanceObserver } from './instance-observer.ts';
import { Loading } from './loading.ts';
import type { Assignment, Loaded } from './loading.ts';
import { Outbox } from './outbox.ts';
import type { CallOpener, Exchange, ExchangeRequest, ResponseSink } from './port.ts';

type State = 'booting' | 'anonymous' | 'assigning' | 'serving' | 'condemned' | 'gone';

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
  #observer: InstanceObserver = QUIET;
  readonly #sandbox: Sandbox;
  readonly #outbox: Outbox;
  readonly #streams = new Map<number, HostStream>();
  readonly #endedHops = new EndedHops();
  readonly #calls: GuestCalls;
  readonly #decoder = new FrameDecoder(LIMITS.frameBytesMax.value);
  #nextStream = 1;
  /** Stream that is to have the instance for itself. */
  #alone: number | null = null;
  #denials = 0;
  #overdue = new Set<HostStream>();
  #pingTimer: NodeJS.Timeout | null = null;
  #becomeReady: () => void = () => undefined;
  #failReady: (error: CordonError) => void = () => undefined;
  #loading: Loading | null = null;

  private constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
    this.#outbox = new Outbox(sandbox.channel);
    this.#calls = new GuestCalls(this.#outbox, {
      of: (stream) => this.#streams.get(stream) ?? null,
      all: () => this.#streams.values(),
      endedHops: (stream) => this.#endedHops.of(stream),
    });
    this.ready = new Promise((resolve, reject) => {
      this.#becomeReady = resolve;
      this.#failReady = reject;
    });
    this.ready.catch(() => undefined);
    const timer = setTimeout(() => this.kill(), LIMITS.sandboxStartTimeoutMs.value);
    const started = (): void => clearTimeout(timer);
    this.ready.then(started, started);
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

  /** True while what runs in it is to have it for itself. */
  get isTaken(): boolean {
    return this.#alone !== null && this.#streams.has(this.#alone);
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

  /** Says who serves the calls of its guest. Until then every call is refused. */
  serveCalls(opener: CallOpener): void {
    this.#calls.serve(opener);
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
    this.#loading = new Loading(this.#outbox, assignment, options.check === true, () => this.kill());
    return this.#loading.result;
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
    if (request.alone === true) this.#alone = id;
    this.served += 1;
    sink.assigned?.(this.id);
    this.#expectReading();
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
    // It is the caller who was late: an instance that lets go of the request is not to blame.
    if (stream.awaitsCaller) {
      stream.abandon();
      return;
    }
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
      // Answers to calls pile up here when the guest calls and does not read.
      if (this.#state !== 'assigning') this.#expectReading();
    } catch (thrown) {
      this.#violate(thrown instanceof Error ? thrown.message : 'unreadable frame');
    }
  }

  #expectReading(): void {
    if (this.#outbox.waitingBytes > LIMITS.channelBufferBytesMax.value)
      this.#violate('the guest does not read its channel');
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
    if (id >= CALL_STREAM_BIT) {
      this.#calls.handle(type, flags, id, payload);
      return;
    }
    if (type === FRAME.log) {
      this.#log(flags, id, payload);
      return;
    }
    if (type === FRAME.denied) {
      this.#denied(id, payload);
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
    else if (type === FRAME.denied) this.#denied(0, payload);
    else if (type === FRAME.ready && this.#state === 'booting') {
      this.#state = 'anonymous';
      this.#becomeReady();
    } else if (type === FRAME.assigned && this.#loading !== null && this.#state === 'assigning') {
      const { head, body } = decodeHead(payload);
      const answer = parseAssigned(head);
      this.#state = answer.failure === null ? 'serving' : 'condemned';
      this.#loading.answered(answer, body);
      this.#loading = null;
    } else throw new ChannelViolation(`a frame of type ${type} out of order`);
  }

  #log(flags: number, id: number, payload: Uint8Array): void {
    const level = LOG_LEVELS[flags];
    if (level === undefined) throw new ChannelViolation('a log line of an unknown level');
    const text = textWithin(payload, LIMITS.logLineBytesMax.value + 64);
    this.#observer.log(level, text, this.#streams.get(id)?.requestId ?? null);
  }

  #denied(id: number, payload: Uint8Array): void {
    this.#denials += 1;
    if (this.#denials > LIMITS.denialReportsMax.value) return;
    const text = textWithin(payload, LIMITS.denialReportBytesMax.value);
    this.#observer.denied(text, this.#streams.get(id)?.requestId ?? null);
  }

  #fail(stream: HostStream, failure: FailureHead): void {
    const { error, kind } = failure;
    const text = error.stack === '' ? `${error.name}: ${error.message}` : error.stack;
    this.#observer.threw(text, stream.requestId);
    // The handler of an event says first what became of the event, and then what it threw.
    if (stream.answered) return;
    // What code threw goes to its own log line, which is scrubbed of secrets, and nowhere else.
    const message = kind === 'throw' ? undefined : error.message;
    stream.fail(
      new CordonError(kind === 'throw' ? 'CORDON_FUNCTION_ERROR' : 'CORDON_FUNCTION_RESPONSE', message),
    );
  }

  #finish(stream: HostStream): void {
    if (!stream.finish()) throw new ChannelViolation('a stream ended without an answer');
    this.#streams.delete(stream.id);
    this.#endedHops.add(stream.id, stream.hops);
    this.#overdue.delete(stream);
    if (this.#streams.size === 0) this.idleSince = performance.now();
    this.#killWhenDone();
    if (this.#state === 'serving') this.#observer.available();
  }

  #exit(exit: SandboxExit): void {
    this.#state = 'gone';
    if (this.#pingTimer !== null) clearTimeout(this.#pingTimer);
    this.#failReady(bootError(exit));
    this.#loading?.failed(exitError(exit));
    for (const stream of this.#streams.values()) {
      stream.fail(exitError(exit));
      stream.finish();
    }
    this.#streams.clear();
    this.#calls.cancelAll();
    this.#observer.gone(exit);
  }
}
