import type { Evidence, LogLine, LogQuery } from '../evidence/index.ts';
import type { EventSink } from './operation.ts';

type Line = LogLine & { readonly sequence: number };

/** Rows of one read while a stream catches up. */
const PAGE_ROWS = 100;

/**
 * Hands over every line that matches: with `after`, first those that are stored, then new ones, each
 * once and in order. A reader that is too slow for the live lines is served from the store until it has
 * caught up, so that memory stays bounded and nothing is lost that the store still has.
 * Returns what stops it.
 */
export function followLogs(evidence: Evidence, query: LogQuery, sink: EventSink<Line>): () => void {
  let last = query.after ?? -1;
  let live = query.after === undefined;
  let missed = false;
  let stopped = false;

  const send = (line: Line): boolean => {
    if (line.sequence <= last) return true;
    last = line.sequence;
    return sink.send(line.sequence, line);
  };

  const catchUp = async (): Promise<void> => {
    while (!stopped) {
      await sink.ready();
      missed = false;
      await evidence.flush();
      const rows = await evidence.logs({ ...query, after: last, limit: PAGE_ROWS });
      for (const row of rows) {
        if (!send(row)) await sink.ready();
      }
      // No await between this check and the switch: a line that comes later finds the stream live.
      if (rows.length < PAGE_ROWS && !missed) break;
    }
    live = true;
  };
  const start = (): void => {
    live = false;
    catchUp().catch((error: unknown) => sink.fail(error));
  };

  const unfollow = evidence.follow((line) => {
    if (!matches(line, query)) return;
    if (!live) missed = true;
    else if (!send(line)) start();
  });
  if (!live) start();
  return () => {
    stopped = true;
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
