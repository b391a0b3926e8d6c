import { CordonError } from '../contract/index.ts';
import { queryBuilder, type Store } from '../store/index.ts';
import {
  placeOf,
  sealedValuesPlace,
  type SealedPlace,
  type SealedValue,
  type TextSealer,
  type Vault,
} from '../vault/index.ts';

/** What stands in place of a text that does not open. */
const UNOPENED = '[cannot be opened]';

/** Columns that stand in the clear, to be asked for. The sealed one is bound to all of them. */
type Cell = string | number | null;

/** A table of evidence with its sealed column. */
export interface SealedRows {
  readonly table: 'logs' | 'security_events';
  readonly column: 'message' | 'detail';
  /** The others; `sequence` is one of them, so that no two rows have one place. */
  readonly others: readonly string[];
}

/** Where the text of a row is sealed: opens in this row alone, and only while nothing else in the row was changed. */
function placeIn({ table, column, others }: SealedRows, row: Readonly<Record<string, Cell>>): string {
  // Numbers as text: so PostgreSQL gives them. Null is not the empty text.
  return placeOf(
    table,
    column,
    ...others.map((name) => {
      const cell = row[name] ?? null;
      return cell === null ? '' : `=${cell}`;
    }),
  );
}

export function sealRow(
  sealer: TextSealer,
  rows: SealedRows,
  row: Readonly<Record<string, Cell>>,
): Uint8Array | Promise<Uint8Array> {
  return sealer.seal(placeIn(rows, row), String(row[rows.column]));
}

/**
 * The text of a row; what was changed or lost its key is told as such, so that it hides no other row.
 * Errors: CORDON_KEY_UNAVAILABLE.
 */
export async function openRow(
  sealer: TextSealer,
  rows: SealedRows,
  row: Readonly<Record<string, Cell>>,
  sealed: Uint8Array,
): Promise<{ readonly text: string; readonly isOpen: boolean }> {
  try {
    return { text: await sealer.open(placeIn(rows, row), sealed), isOpen: true };
  } catch (error) {
    if (!(error instanceof CordonError) || error.code === 'CORDON_KEY_UNAVAILABLE') throw error;
    return { text: UNOPENED, isOpen: false };
  }
}

type StoredRow = Readonly<Record<string, Cell | Uint8Array>> & { readonly sequence: number | string };

/** The sealed column of a table of evidence, for the rotation of keys. `owner` is the project that all rows belong to. */
export function sealedRowsPlace(store: Store, vault: Vault, owner: string, rows: SealedRows): SealedPlace {
  const { table, column } = rows;
  const db = queryBuilder(store.dialect);
  // One of the two stands for both: what differs between them is not touched here.
  const select = db.selectFrom(table as 'logs').selectAll();
  const read = async (query: typeof select): Promise<SealedValue[]> =>
    (await store.query<StoredRow>(query.compile())).map((row) => {
      const sealed = row[column];
      return {
        cursor: String(row.sequence),
        place: placeIn(rows, row as Readonly<Record<string, Cell>>),
        sealed: sealed instanceof Uint8Array ? sealed : new Uint8Array(0),
      };
    });
  return sealedValuesPlace(vault, {
    name: `${table}.${column}`,
    async list(project, after, limit) {
      if (project !== owner) return [];
      return read(
        select
          .where('sequence', '>', Number(after ?? 0))
          .orderBy('sequence')
          .limit(limit),
      );
    },
    async read(project, cursors) {
      if (project !== owner) return [];
      return read(select.where('sequence', 'in', cursors.map(Number)));
    },
    async replace(_project, value, next) {
      const [changed] = await store.commit([
        db
          .updateTable(table as 'logs')
          .set({ [column]: next })
          .where('sequence', '=', Number(value.cursor))
          .where(column as 'message', '=', value.sealed)
          .compile(),
      ]);
      return changed === 1;
    },
  });
}
