import type { Store } from '../store/index.ts';
import { sealedValuesPlace, type SealedPlace, type SealedValue, type Vault } from '../vault/index.ts';
import { envelopePlace } from './envelope.ts';
import { failuresPlace } from './failures.ts';
import { signingKeyPlace } from './signing-keys.ts';
import { listOf, statement } from './statements.ts';

type PlaceRow = Readonly<Record<string, string | number | Uint8Array>>;

interface Column {
  readonly table: 'events' | 'event_signing_keys';
  readonly column: 'envelope' | 'failures' | 'key';
  /** A number, unique in a project. */
  readonly cursor: 'sequence' | 'version';
  readonly others: readonly ('lane' | 'id')[];
  placeOf(row: PlaceRow): string;
}

const COLUMNS: readonly Column[] = [
  {
    table: 'events',
    column: 'envelope',
    cursor: 'sequence',
    others: ['lane', 'id'],
    placeOf: (row) => envelopePlace(String(row['lane']), String(row['id'])),
  },
  {
    table: 'events',
    column: 'failures',
    cursor: 'sequence',
    others: ['lane', 'id'],
    placeOf: (row) => failuresPlace(String(row['lane']), String(row['id'])),
  },
  {
    table: 'event_signing_keys',
    column: 'key',
    cursor: 'version',
    others: [],
    placeOf: (row) => signingKeyPlace(Number(row['version'])),
  },
];

/** Where events are sealed, for the rotation of keys. The signatures of events, and the key that made them, stay. */
export function eventPlaces(store: Store, vault: Vault, project: string): readonly SealedPlace[] {
  return COLUMNS.map((column) => columnPlace(store, vault, project, column));
}

function columnPlace(store: Store, vault: Vault, owner: string, rows: Column): SealedPlace {
  const { table, column, cursor, others } = rows;
  const columns = [cursor, ...others, column].join(', ');
  const select = `select ${columns} from ${table} where project = ? and ${column} is not null`;
  const read = async (text: string, parameters: readonly unknown[]): Promise<SealedValue[]> =>
    (await store.query<PlaceRow>(statement(store, text, parameters))).map((row) => {
      const sealed = row[column];
      return {
        cursor: String(row[cursor]),
        place: rows.placeOf(row),
        sealed: sealed instanceof Uint8Array ? sealed : new Uint8Array(0),
      };
    });
  return sealedValuesPlace(vault, {
    name: `${table}.${column}`,
    async list(project, after, limit) {
      if (project !== owner) return [];
      const text = `${select} and ${cursor} > ? order by ${cursor} limit ?`;
      return read(text, [project, Number(after ?? 0), limit]);
    },
    async read(project, cursors) {
      if (project !== owner) return [];
      const { marks, parameters } = listOf(cursors.map(Number));
      return read(`${select} and ${cursor} in (${marks})`, [project, ...parameters]);
    },
    async replace(project, value, next) {
      const text = `update ${table} set ${column} = ? where project = ? and ${cursor} = ? and ${column} = ?`;
      const parameters = [next, project, Number(value.cursor), value.sealed];
      const [changed] = await store.commit([statement(store, text, parameters)]);
      return changed === 1;
    },
  });
}
