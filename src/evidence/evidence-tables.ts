import { LIMITS } from '../contract/index.ts';
import { queryBuilder, type Statement, type Store, type Tables, type Write } from '../store/index.ts';
import { UNSEALED, type SealedPlace, type TextSealer, type Vault } from '../vault/index.ts';
import type { LogLine, LogQuery, SecurityEvent, SecurityEventKind } from './port.ts';
import { openRow, sealRow, sealedRowsPlace, type SealedRows } from './sealed-rows.ts';

export type Numbered<T> = T & { readonly sequence: number };

/** A security event whose detail is JSON text. */
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

/** A line and an event as they are stored. */
type StoredLine = Omit<Numbered<LogLine>, 'message'> & { readonly message: Uint8Array };
type StoredEvent = Omit<Numbered<EventRow>, 'detail'> & { readonly detail: Uint8Array };

const LINES: SealedRows = {
  table: 'logs',
  column: 'message',
  others: LINE_COLUMNS.filter((name) => name !== 'message'),
};
const EVENTS: SealedRows = {
  table: 'security_events',
  column: 'detail',
  others: EVENT_COLUMNS.filter((name) => name !== 'detail'),
};

/** Where evidence is sealed, for the rotation of keys. All of it belongs to the one project. */
export function evidencePlaces(store: Store, vault: Vault, project: string): readonly SealedPlace[] {
  return [LINES, EVENTS].map((rows) => sealedRowsPlace(store, vault, project, rows));
}

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
  readonly #sealer: TextSealer;
  readonly #retention: Retention;
  readonly #insertLine: string;
  readonly #insertEvent: string;
  #last: Readonly<Record<EvidenceTable, number>> | null = null;

  constructor(store: Store, sealer: TextSealer = UNSEALED, retention: Retention = RETENTION) {
    this.#store = store;
    this.#sealer = sealer;
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
    const storedLines: StoredLine[] = [];
    for (const line of numberedLines) {
      storedLines.push({ ...line, message: await sealRow(this.#sealer, LINES, { ...line }) });
    }
    const storedEvents: StoredEvent[] = [];
    for (const event of numberedEvents) {
      storedEvents.push({ ...event, detail: await sealRow(this.#sealer, EVENTS, { ...event }) });
    }
    // Until the store says that they stand, their numbers are not taken for used.
    this.#last = null;
    await this.#store.commit([
      ...storedLines.map((line) => insert(this.#insertLine, LINE_COLUMNS, line)),
      ...storedEvents.map((event) => insert(this.#insertEvent, EVENT_COLUMNS, event)),
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
      return this.#lines(select.where('sequence', '>', query.after).orderBy('sequence', 'asc').compile());
    }
    return (await this.#lines(select.orderBy('sequence', 'desc').compile())).reverse();
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
    const rows = await this.#store.query<StoredEvent>(
      query.after === undefined
        ? select.orderBy('sequence', 'desc').compile()
        : select.where('sequence', '>', query.after).orderBy('sequence', 'asc').compile(),
    );
    const events: Numbered<SecurityEvent>[] = [];
    for (const row of rows) {
      const { detail, ...rest } = row;
      const { text, isOpen } = await openRow(this.#sealer, EVENTS, rest, detail);
      events.push({
        ...rest,
        detail: isOpen ? (JSON.parse(text) as SecurityEvent['detail']) : { unreadable: text },
      });
    }
    return query.after === undefined ? events.reverse() : events;
  }

  async #lines(select: Statement): Promise<Numbered<LogLine>[]> {
    const lines: Numbered<LogLine>[] = [];
    for (const { message, ...rest } of await this.#store.query<StoredLine>(select)) {
      lines.push({ ...rest, message: (await openRow(this.#sealer, LINES, rest, message)).text });
    }
    return lines;
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
