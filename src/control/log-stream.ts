import type { Evidence, LogLine, LogQuery } from '../evidence/index.ts';
import type { EventSink } from './operation.ts';

type Line = LogLine & { readonly sequence: number };

/** Rows of one read. */
const PAGE_ROWS = 100;

/**
 * Hands over every line that matches, each once and in order: with `after`, first those that are stored,
 * then new ones. Lines are always read from the store, and a new one only says that it is time to read;
 * so a slow reader costs no memory and loses nothing that the store still has.
 * Returns what stops it.
 */
export function followLogs(evidence: Evidence, query: LogQuery, sink: EventSink<Line>): () => void {
  let last = query.after ?? -1;
  let reading = false;
  let missed = false;
  const stopping = new AbortController();
  const { signal } = stopping;

  const read = async (): Promise<void> => {
    try {
      if (last === -1) last = (await evidence.logs({ limit: 1 })).at(-1)?.sequence ?? 0;
      while (missed && !signal.aborted) {
        missed = false;
        const rows = await evidence.logs({ ...query, after: last, limit: PAGE_ROWS });
        for (const row of rows) {
          if (signal.aborted) return;
          last = row.sequence;
          if (!sink.send(row.sequence, row)) await sink.ready();
        }
        if (rows.length === PAGE_ROWS) missed = true;
      }
    } finally {
      // In the same turn as the last look at `missed`, so that no wake-up falls between.
      reading = false;
    }
  };
  const wake = (): void => {
    missed = true;
    if (reading) return;
    reading = true;
    read().catch((error: unknown) => sink.fail(error));
  };

  const unfollow = evidence.follow((line) => {
    if (matches(line, query)) wake();
  });
  wake();
  return () => {
    stopping.abort();
    unfollow();
  };
}

function matches(line: Line, query: LogQuery): boolean {
  return (
    (query.app === undefined || line.app === query.app) &&
    (query.function === undefined || line.function === query.function) &&
    (query.request === undefined || line.request === query.request) &&
    (query.instance === undefined || line.instance === query.instance)
  );
}
