import { FLAG, FRAME, encodeCredit, encodeHead } from '../channel/index.ts';
import type {
  EventAbout,
  EventHandlerName,
  EventHead,
  EventOutcome,
  FailureHead,
  ResponseHead,
} from '../channel/index.ts';
import { CloudEvent } from './cloud-event.ts';
import { ExecutionContext } from './context.ts';
import { describeError } from './errors.ts';
import type { Handler, LoadedModule } from './loader.ts';
import { QueueBatch } from './queue-batch.ts';
import { ScheduledController } from './scheduled.ts';
import type { Wire } from './wire.ts';

const ANSWER: ResponseHead = [200, ['content-type', 'application/json']];
const encoder = new TextEncoder();

/** One event from its first frame to `done`. Its body is small and is there as a whole before the handler runs. */
export class GuestEvent {
  readonly id: number;
  readonly handler: EventHandlerName;
  readonly #wire: Wire;
  readonly #about: EventAbout;
  readonly #release: (id: number) => void;
  readonly #context = new ExecutionContext();
  readonly #pieces: Uint8Array[] = [];
  #complete = false;
  #aborted = false;
  #arrived: (() => void) | null = null;

  constructor(
    wire: Wire,
    frame: { id: number; flags: number; head: EventHead; body: Uint8Array },
    release: (id: number) => void,
  ) {
    const [about] = frame.head;
    this.id = frame.id;
    this.handler = about.handler;
    this.#wire = wire;
    this.#about = about;
    this.#release = release;
    this.data(frame.body, frame.flags);
  }

  async run(module: LoadedModule, handler: Handler, env: unknown): Promise<void> {
    while (!this.#complete && !this.#aborted) await new Promise<void>((resolve) => (this.#arrived = resolve));
    if (!this.#complete) {
      // The host gave it up before it had sent all of it, and waits for no answer.
      this.#end();
      return;
    }
    const happening = happeningOf(this.#about, joined(this.#pieces));
    try {
      if (!happening.empty) await handler.call(module.self, happening.argument, env, this.#context);
    } catch (thrown) {
      this.#answer({ ok: false, ...happening.outcome(false) }, false);
      this.fail('throw', thrown);
      return;
    }
    const done = this.#context.idle;
    this.#answer({ ok: true, ...happening.outcome(true) }, done);
    if (done) this.#release(this.id);
    else this.#end();
  }

  /** More of the body. */
  data(bytes: Uint8Array, flags: number): void {
    if (bytes.byteLength > 0) this.#pieces.push(bytes.slice());
    this.#complete = (flags & FLAG.last) !== 0;
    if (this.#complete) this.#wake();
    // How much there is, the host bounds: it is taken as it comes.
    else if (bytes.byteLength > 0) this.#wire.send(FRAME.credit, 0, this.id, encodeCredit(bytes.byteLength));
  }

  /** For the answer, which is smaller than the window. */
  credit(): void {}

  /** There is no WebSocket to close. */
  close(): void {}

  abort(): void {
    this.#aborted = true;
    this.#wake();
  }

  /** Costs this event only. After an answer it says what the handler threw. */
  fail(kind: FailureHead['kind'], thrown: unknown): void {
    const head: FailureHead = { kind, error: describeError(thrown) };
    this.#wire.send(FRAME.failure, 0, this.id, encodeHead(head, null));
    this.#end();
  }

  #answer(outcome: EventOutcome, done: boolean): void {
    const flags = FLAG.last | (done ? FLAG.done : 0);
    const body = encoder.encode(JSON.stringify(outcome));
    this.#wire.send(FRAME.response, flags, this.id, encodeHead(ANSWER, body));
  }

  #end(): void {
    const report = (thrown: unknown): void => console.error('waitUntil:', thrown);
    void this.#context.settle(report).then(() => {
      this.#wire.send(FRAME.done, 0, this.id, null);
      this.#release(this.id);
    });
  }

  #wake(): void {
    const arrived = this.#arrived;
    this.#arrived = null;
    arrived?.();
  }
}

/** What a handler is called with, and what it said by the time that it ended. */
interface Happening {
  readonly argument: unknown;
  /** True: nothing is left that the handler could be given. */
  readonly empty: boolean;
  outcome(ok: boolean): Omit<EventOutcome, 'ok'>;
}

function happeningOf(about: EventAbout, body: Uint8Array<ArrayBuffer>): Happening {
  switch (about.handler) {
    case 'queue': {
      const batch = new QueueBatch(about.queue, about.messages, body);
      for (const id of batch.unreadable)
        console.error(`The message ${id} of the queue "${about.queue}" is not the JSON that it says it is.`);
      return {
        argument: batch.shown,
        empty: batch.shown.messages.length === 0,
        outcome: (ok) => ({ messages: batch.outcomes(ok) }),
      };
    }
    case 'scheduled': {
      const controller = new ScheduledController(about.cron, about.scheduledTime);
      return {
        argument: controller,
        empty: false,
        outcome: () => ({ noRetry: ScheduledController.isFinal(controller) }),
      };
    }
    case 'event':
      return {
        argument: new CloudEvent(about.attributes, about.hasData ? body : null),
        empty: false,
        outcome: () => ({}),
      };
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.byteLength;
  }
  return whole;
}
