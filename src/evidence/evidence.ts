import { LIMITS, systemClock, toCordonError, type Clock, type CordonError } from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import type { TextSealer } from '../vault/index.ts';
import { BoundedBuffer } from './bounded-buffer.ts';
import { detailText } from './detail.ts';
import { LineRate } from './line-rate.ts';
import { plainText } from './plain-text.ts';
import type { Evidence, LogLine, LogQuery, SecurityEvent, SecurityEventKind } from './port.ts';
import { EvidenceTables, type EventRow, type Numbered } from './evidence-tables.ts';

export interface EvidenceOptions {
  readonly store: Store;
  readonly clock?: Clock;
  /** Seals messages and details, bound to the rest of their rows. Without it they stand in the clear. */
  readonly sealer?: TextSealer;
  /** Told when writing fails, and with null when it works again. */
  readonly onStoreHealth?: (failure: CordonError | null) => void;
}

const WRITE_INTERVAL_MS = 50;
const RETRY_INTERVAL_MS = 1000;
const BATCH_ROWS = 500;
const REASON_BYTES_MAX = 1024;
/** What a row weighs besides its text. */
const ROW_BYTES = 256;
const NOWHERE = { app: '', function: '', deployment: '', instance: null, request: null } as const;

/**
 * Evidence in a store. Rows are written together, every 50 ms or 500 rows, and numbered when they are
 * written. `flush` rejects with the error of the store; the rows stay and are tried again each second.
 */
export function createEvidence(options: EvidenceOptions): Evidence {
  return new StoreEvidence(options);
}

class StoreEvidence implements Evidence {
  readonly #clock: Clock;
  readonly #tables: EvidenceTables;
  readonly #onStoreHealth: (failure: CordonError | null) => void;
  readonly #lines = newBuffer<LogLine>();
  // Apart, so that a flood of log lines does not push out security events.
  readonly #events = newBuffer<EventRow>();
  readonly #guests: LineRate<LogLine>;
  readonly #followers = new Set<(line: Numbered<LogLine>) => void>();
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;
  #failing = false;

  constructor(options: EvidenceOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#tables = new EvidenceTables(options.store, options.sealer);
    this.#onStoreHealth = options.onStoreHealth ?? (() => undefined);
    this.#guests = new LineRate(LIMITS.logBytesPerSecondMax.value, this.#clock);
  }

  log(input: Omit<LogLine, 'time'> & { readonly time?: number }): void {
    const message = plainText(input.message, LIMITS.logLineBytesMax.value);
    const line: LogLine = { ...input, time: input.time ?? this.#clock.now(), message };
    // An empty line costs a row too.
    const bytes = Math.max(1, Buffer.byteLength(message));
    if (line.source === 'function' && !this.#guests.take(line.instance ?? line.app, bytes, line))
      this.#schedule();
    else this.#add(line, bytes);
  }

  record(event: Omit<SecurityEvent, 'time'>): void {
    const detail = detailText(event.detail);
    const reason = plainText(event.reason, REASON_BYTES_MAX);
    this.#events.add({ ...event, reason, detail, time: this.#clock.now() }, detail.length + ROW_BYTES);
    this.#schedule();
  }

  async logs(query: LogQuery): Promise<Numbered<LogLine>[]> {
    await this.#tryFlush();
    return this.#tables.logs(query);
  }

  async events(query: {
    readonly after?: number;
    readonly limit?: number;
    readonly kind?: SecurityEventKind;
  }): Promise<Numbered<SecurityEvent>[]> {
    await this.#tryFlush();
    return this.#tables.events(query);
  }

  follow(listener: (line: Numbered<LogLine>) => void): () => void {
    // A function of its own: the same listener may follow twice.
    const follower = (line: Numbered<LogLine>): void => listener(line);
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  async flush(): Promise<void> {
    // What a write that runs now has taken may be older than what was logged last.
    await this.#writing?.catch(() => undefined);
    await this.#write();
  }

  #add(line: LogLine, bytes: number): void {
    this.#lines.add(line, bytes + ROW_BYTES);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#writing !== null) return;
    if (this.#lines.size + this.#events.size >= BATCH_ROWS && !this.#failing) {
      this.#write().catch(() => undefined);
      return;
    }
    this.#timer ??= setTimeout(
      () => void this.#tryFlush(),
      this.#failing ? RETRY_INTERVAL_MS : WRITE_INTERVAL_MS,
    ).unref();
  }

  /** For those who want what is there, whether or not the last rows can be written. The store's health tells. */
  async #tryFlush(): Promise<void> {
    await this.flush().catch(() => undefined);
  }

  /** One write at a time; a caller that comes while one runs gets that one. */
  #write(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    // The write begins after `#writing` is set: what it logs itself must not begin another.
    this.#writing ??= Promise.resolve()
      .then(() => this.#writeAll())
      .then(
        () => this.#wrote(null),
        (error: unknown) => {
          const failure = toCordonError(error);
          this.#wrote(failure);
          throw failure;
        },
      );
    return this.#writing;
  }

  #wrote(failure: CordonError | null): void {
    this.#writing = null;
    const isChange = this.#failing !== (failure !== null);
    this.#failing = failure !== null;
    if (this.#lines.size + this.#events.size > 0 || this.#guests.hasDropped) this.#schedule();
    if (isChange) this.#onStoreHealth(failure);
  }

  /** Writes what is there now; what comes meanwhile has its own turn, so that this ends. */
  async #writeAll(): Promise<void> {
    this.#reportLimited();
    let lines = this.#lines.size;
    let events = this.#events.size;
    while (lines > 0 || events > 0) {
      const batch = {
        lines: this.#lines.first(Math.min(lines, BATCH_ROWS)),
        events: this.#events.first(Math.min(events, BATCH_ROWS)),
      };
      const written = await this.#tables.write(batch.lines, batch.events);
      this.#lines.remove(batch.lines.length);
      this.#events.remove(batch.events.length);
      lines -= batch.lines.length;
      events -= batch.events.length;
      this.#tell(written);
    }
    this.#reportLost();
  }

  #reportLimited(): void {
    for (const { lines, sample } of this.#guests.due()) {
      const message = `${lines} lines were dropped: this instance logs more than ${LIMITS.logBytesPerSecondMax.value} bytes a second.`;
      const line: LogLine = {
        ...sample,
        time: this.#clock.now(),
        source: 'platform',
        level: 'warn',
        request: null,
        message,
      };
      this.#add(line, message.length);
    }
  }

  /** After the rows that were kept are written: there is room for it, and it stands where the gap is. */
  #reportLost(): void {
    const lines = this.#lines.takeDropped();
    const events = this.#events.takeDropped();
    if (lines + events === 0) return;
    const message = `${lines} log lines and ${events} security events were lost: the store did not keep up.`;
    const line: LogLine = {
      ...NOWHERE,
      time: this.#clock.now(),
      source: 'platform',
      level: 'error',
      message,
    };
    this.#add(line, message.length);
  }

  #tell(lines: readonly Numbered<LogLine>[]): void {
    for (const follower of [...this.#followers]) {
      for (const line of lines) {
        if (!this.#followers.has(follower)) break;
        try {
          follower(line);
        } catch {
          // A listener that fails must not stop the log; it hears no more.
          this.#followers.delete(follower);
        }
      }
    }
  }
}

function newBuffer<T>(): BoundedBuffer<T> {
  return new BoundedBuffer(LIMITS.evidenceBufferRowsMax.value, LIMITS.evidenceBufferBytesMax.value);
}
