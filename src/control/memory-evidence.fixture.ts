import type { Evidence, LogLine, SecurityEvent } from '../evidence/index.ts';

type Numbered<T> = T & { readonly sequence: number };

/** Evidence in memory. Followers are told at once. */
export class MemoryEvidence implements Evidence {
  readonly lines: Numbered<LogLine>[] = [];
  readonly recorded: Numbered<SecurityEvent>[] = [];
  readonly #followers = new Set<(line: Numbered<LogLine>) => void>();

  get followers(): number {
    return this.#followers.size;
  }

  log(line: Omit<LogLine, 'time'>): void {
    const stored = { time: 1_700_000_000_000, ...line, sequence: this.lines.length + 1 };
    this.lines.push(stored);
    for (const follower of this.#followers) follower(stored);
  }

  record(event: Omit<SecurityEvent, 'time'>): void {
    this.recorded.push({ time: 1_700_000_000_000, ...event, sequence: this.recorded.length + 1 });
  }

  async logs({
    app,
    after,
    limit = 100,
  }: {
    app?: string;
    after?: number;
    limit?: number;
  }): Promise<Numbered<LogLine>[]> {
    const found = this.lines.filter((line) => app === undefined || line.app === app);
    return after === undefined
      ? found.slice(-limit)
      : found.filter((line) => line.sequence > after).slice(0, limit);
  }

  async events({
    after,
    limit = 100,
  }: {
    after?: number;
    limit?: number;
  }): Promise<Numbered<SecurityEvent>[]> {
    if (after === undefined) return this.recorded.slice(-limit);
    return this.recorded.filter((event) => event.sequence > after).slice(0, limit);
  }

  follow(listener: (line: Numbered<LogLine>) => void): () => void {
    this.#followers.add(listener);
    return () => this.#followers.delete(listener);
  }

  async flush(): Promise<void> {}
}
