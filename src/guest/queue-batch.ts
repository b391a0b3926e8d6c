import type { EventOutcome, QueueMessageHead } from '../channel/index.ts';

interface RetryOptions {
  readonly delaySeconds?: number;
}

type MessageOutcome = NonNullable<EventOutcome['messages']>[number];

const AGAIN: MessageOutcome = { retryAfterSeconds: null };
const decoder = new TextDecoder();

/** What code has said, of a message or of the batch; null: nothing yet. The first word counts, as in Workers. */
interface Said {
  outcome: MessageOutcome | null;
}

/** The messages that `queue` is called with, and what code says of them. */
export class QueueBatch {
  /** What code sees. */
  readonly shown: MessageBatch;
  /** Ids of messages that code is not given, since their bodies are not the JSON that they say they are. They are tried again. */
  readonly unreadable: readonly string[];
  readonly #all: Said = { outcome: null };
  readonly #each: readonly Said[];

  constructor(queue: string, heads: readonly QueueMessageHead[], bodies: Uint8Array<ArrayBuffer>) {
    const messages: Message[] = [];
    const unreadable: string[] = [];
    let offset = 0;
    this.#each = heads.map((head) => {
      const said: Said = { outcome: null };
      const bytes = bodies.slice(offset, offset + head.bytes);
      offset += head.bytes;
      const body = decode(head.contentType, bytes);
      if (body === null) {
        said.outcome = AGAIN;
        unreadable.push(head.id);
      } else messages.push(new Message(head, body.value, said, this.#all));
      return said;
    });
    this.unreadable = unreadable;
    this.shown = new MessageBatch(queue, Object.freeze(messages), this.#all);
  }

  /** `ok`: the handler did not throw. Then messages of which nothing was said are done, else they are tried again. */
  outcomes(ok: boolean): readonly MessageOutcome[] {
    return this.#each.map(({ outcome }) => outcome ?? this.#all.outcome ?? (ok ? true : AGAIN));
  }
}

/** As Workers' `MessageBatch`: what was said of one message before is not changed by what is said of all. */
class MessageBatch {
  readonly queue: string;
  readonly messages: readonly Message[];
  readonly #said: Said;

  constructor(queue: string, messages: readonly Message[], said: Said) {
    this.queue = queue;
    this.messages = messages;
    this.#said = said;
  }

  /** All messages are done, also when the handler fails. */
  ackAll(): void {
    this.#said.outcome ??= true;
  }

  /** All messages are to come again. Errors: TypeError. */
  retryAll(options?: RetryOptions): void {
    const outcome = again(options);
    this.#said.outcome ??= outcome;
  }
}

/** As Workers' `Message`. */
class Message {
  readonly id: string;
  readonly timestamp: Date;
  readonly attempts: number;
  readonly body: unknown;
  readonly #said: Said;
  readonly #all: Said;

  constructor({ id, timestamp, attempts }: QueueMessageHead, body: unknown, said: Said, all: Said) {
    this.id = id;
    this.timestamp = new Date(timestamp);
    this.attempts = attempts;
    this.body = body;
    this.#said = said;
    this.#all = all;
  }

  /** It is done, also when the handler fails. */
  ack(): void {
    this.#say(true);
  }

  /** It is to come again: after so many seconds, by default as its source says. Errors: TypeError. */
  retry(options?: RetryOptions): void {
    this.#say(again(options));
  }

  #say(outcome: MessageOutcome): void {
    if (this.#all.outcome === null) this.#said.outcome ??= outcome;
  }
}

function again({ delaySeconds }: RetryOptions = {}): MessageOutcome {
  if (delaySeconds === undefined) return AGAIN;
  if (typeof delaySeconds !== 'number' || !(delaySeconds >= 0 && delaySeconds <= Number.MAX_SAFE_INTEGER))
    throw new TypeError('`delaySeconds` has to be a number of seconds from 0.');
  return { retryAfterSeconds: delaySeconds };
}

/** Null for a body that is not the JSON that it says it is. */
function decode(
  type: QueueMessageHead['contentType'],
  bytes: Uint8Array<ArrayBuffer>,
): { readonly value: unknown } | null {
  if (type === 'bytes') return { value: bytes };
  const text = decoder.decode(bytes);
  if (type === 'text') return { value: text };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
}
