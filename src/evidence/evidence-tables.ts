import { LIMITS } from '../contract/index.ts';
import { queryBuilder, type Statement, type Store, type Tables, type Write } from '../store/index.ts';
import type { LogLine, LogQuery, SecurityEvent, SecurityEventKind } from './port.ts';

export type Numbered<T> = T & { readonly sequence: number };

/** A security event as it is stored: its detail is JSON text. */
export type EventRow = Omit<SecurityEvent, 'detail'> & { readonly detail: string };

type EvidenceTable = 'logs' | 'security_events';

const ROWS_DEFAULT = 100;
const ROWS_MAX = 1000;

const LINE_COLUMNS = [
  'sequence',
  'time',
  'level',
  'source',
  'app',
  'function',
  'deployment',
  'instance',
  'request',
  'message',
] as const satisfies readonly (keyof Tables['logs'] & keyof Numbered<LogLine>)[];

const EVENT_COLUMNS = [
  'sequence',
  'time',
  'kind',
  'severity',
  'app',
  'function',
  'instance',
  'request',
  'reason',
  'detail',
] as const satisfies readonly (keyof Tables['security_events'] & keyof Numbered<EventRow>)[];

/** How many rows are kept. */
interface Retention {
  readonly logRowsMax: number;
  readonly eventRowsMax: number;
}

const RETENTION: Retention = {
  logRowsMax: LIMITS.logRowsMax.value,
  eventRowsMax: LIMITS.eventRowsMax.value,
};

/** The tables of evidence. It numbers the rows, so it has to be the only one that writes them. */
export class EvidenceTables {
  readonly #store: Store;
  readonly #retention: Retention;
  readonly #insertLine: string;
  readonly #insertEvent: string;
  #last: Readonly<Record<EvidenceTable, number>> | null = null;

  constructor(store: Store, retention: Retention = RETENTION) {
    this.#store = store;
    this.#retention = retention;
    // Compiled once: for each row it would cost more than the row.
    const db = queryBuilder(store.dialect);
    this.#insertLine = insertSql(db, 'logs', LINE_COLUMNS);
    this.#insertEvent = insertSql(db, 'security_events', EVENT_COLUMNS);
  }

  /** All of the rows or none, durably; and no more than are kept. Returns the lines with their numbers. */
  async write(lines: readonly LogLine[], events: readonly EventRow[]): Promise<Numbered<LogLine>[]> {
    const last = this.#last ?? (await this.#readLast());
    const numberedLines = number(lines, last.logs);
    const numberedEvents = number(events, last.security_events);
    const next = { logs: last.logs + lines.length, security_events: last.security_events + events.length };
    // Until the store says that they stand, their numbers are not taken for used.
    this.#last = null;
    await this.#store.commit([
      ...numberedLines.map((line) => insert(this.#insertLine, LINE_COLUMNS, line)),
      ...numberedEvents.map((event) => insert(this.#insertEvent, EVENT_COLUMNS, event)),
      this.#trim('logs', next.logs - this.#retention.logRowsMax),
      this.#trim('security_events', next.security_events - this.#retention.eventRowsMax),
    ]);
    this.#last = next;
    return numberedLines;
  }

  /** Oldest first: those after `after`, or without it the newest. */
  async logs(query: LogQuery): Promise<Numbered<LogLine>[]> {
    let select = queryBuilder(this.#store.dialect)
      .selectFrom('logs')
      .select(LINE_COLUMNS)
      .limit(limitOf(query));
    if (query.app !== undefined) select = select.where('app', '=', query.app);
    if (query.function !== undefined) select = select.where('function', '=', query.function);
    if (query.request !== undefined) select = select.where('request', '=', query.request);
    if (query.instance !== undefined) select = select.where('instance', '=', query.instance);
    if (query.after !== undefined) {
      return this.#store.query(
        select.where('sequence', '>', query.after).orderBy('sequence', 'asc').compile(),
      );
    }
    const newest = await this.#store.query<Numbered<LogLine>>(select.orderBy('sequence', 'desc').compile());
    return newest.reverse();
  }

  /** Oldest first: those after `after`, or without it the newest. */
  async events(query: {
    readonly after?: number;
    readonly limit?: number;
    readonly kind?: SecurityEventKind;
  }): Promise<Numbered<SecurityEvent>[]> {
    let select = queryBuilder(this.#store.dialect)
      .selectFrom('security_events')
      .select(EVENT_COLUMNS)
      .limit(limitOf(query));
    if (query.kind !== undefined) select = select.where('kind', '=', query.kind);
    const rows = await this.#store.query<Numbered<EventRow>>(
      query.after === undefined
        ? select.orderBy('sequence', 'desc').compile()
        : select.where('sequence', '>', query.after).orderBy('sequence', 'asc').compile(),
    );
    const events = rows.map((row) => ({ ...row, detail: JSON.parse(row.detail) as SecurityEvent['detail'] }));
    return query.after === undefined ? events.reverse() : events;
  }

  async #readLast(): Promise<Readonly<Record<EvidenceTable, number>>> {
    return {
      logs: await this.#readLastOf('logs'),
      security_events: await this.#readLastOf('security_events'),
    };
  }

  async #readLastOf(table: EvidenceTable): Promise<number> {
    const select = queryBuilder(this.#store.dialect)
      .selectFrom(table)
      .select((fields) => fields.fn.max('sequence').as('last'));
    const [row] = await this.#store.query<{ last: number | string | null }>(select.compile());
    return Number(row?.last ?? 0);
  }

  /** By key and for each batch, so that it is never more than a batch to delete. */
  #trim(table: EvidenceTable, until: number): Statement {
    return queryBuilder(this.#store.dialect).deleteFrom(table).where('sequence', '<=', until).compile();
  }
}

function insertSql(
  db: ReturnType<typeof queryBuilder>,
  table: EvidenceTable,
  columns: readonly string[],
): string {
  const empty = Object.fromEntries(columns.map((column) => [column, '']));
  return db
    .insertInto(table)
    .values(empty as never)
    .compile().sql;
}

function insert<T>(sql: string, columns: readonly (keyof T)[], row: T): Write {
  return { sql, parameters: columns.map((column) => row[column]), changes: 1 };
}

function number<T>(rows: readonly T[], last: number): Numbered<T>[] {
  return rows.map((row, index) => ({ ...row, sequence: last + index + 1 }));
}

function limitOf(query: { readonly limit?: number }): number {
  return Math.min(Math.max(1, query.limit ?? ROWS_DEFAULT), ROWS_MAX);
}
