import { queryBuilder } from '../store/index.ts';
import type { Tables } from '../store/index.ts';
import { sealedValuesPlace, sealedVersion } from '../vault/index.ts';
import type { Rewritten, SealedItem, SealedPlace, SealedValue, Vault } from '../vault/index.ts';
import { CordonError } from '../contract/index.ts';
import { bucketDetailPlace, bucketPlace } from './bucket/objects.ts';
import type { StorageEnvironment } from './environment.ts';
import { kvMetadataPlace, kvPlace } from './kv/values.ts';
import { partDetailPlace, partPlace, uploadDetailPlace } from './bucket/multipart-places.ts';

const HEADER_BYTES = 64;

type StorageTable = 'kv' | 'bucket_objects' | 'rejected_objects' | 'multipart_uploads' | 'multipart_parts';
/** Rows as they are walked through, whatever the table. */
type AnyRow = Readonly<Record<string, string | Uint8Array>>;

interface SealedRows {
  readonly table: StorageTable;
  /** Holds the sealed value, or the name of the object. */
  readonly column: 'value' | 'metadata' | 'detail' | 'object';
  /** Unique in a project, and new with each write. */
  readonly cursor: 'version' | 'id';
  placeOf(row: AnyRow): string;
}

const kvValue = (row: AnyRow): string =>
  kvPlace(textIn(row, 'store'), textIn(row, 'key'), textIn(row, 'version'));
const object = (row: AnyRow): string =>
  bucketPlace(textIn(row, 'bucket'), textIn(row, 'key'), textIn(row, 'version'));

const part = (row: AnyRow): string => partPlace(textIn(row, 'upload'), textIn(row, 'version'));

const COLUMNS: readonly SealedRows[] = [
  { table: 'kv', column: 'value', cursor: 'version', placeOf: kvValue },
  {
    table: 'kv',
    column: 'metadata',
    cursor: 'version',
    placeOf: (row) => kvMetadataPlace(textIn(row, 'store'), textIn(row, 'key'), textIn(row, 'version')),
  },
  { table: 'bucket_objects', column: 'value', cursor: 'version', placeOf: object },
  {
    table: 'bucket_objects',
    column: 'detail',
    cursor: 'version',
    placeOf: (row) => bucketDetailPlace(textIn(row, 'bucket'), textIn(row, 'key'), textIn(row, 'version')),
  },
  { table: 'rejected_objects', column: 'value', cursor: 'version', placeOf: object },
  {
    table: 'rejected_objects',
    column: 'detail',
    cursor: 'version',
    placeOf: (row) => bucketDetailPlace(textIn(row, 'bucket'), textIn(row, 'key'), textIn(row, 'version')),
  },
  {
    table: 'multipart_uploads',
    column: 'detail',
    cursor: 'id',
    placeOf: (row) => uploadDetailPlace(textIn(row, 'id')),
  },
  { table: 'multipart_parts', column: 'value', cursor: 'version', placeOf: part },
  {
    table: 'multipart_parts',
    column: 'detail',
    cursor: 'version',
    placeOf: (row) => partDetailPlace(textIn(row, 'upload'), textIn(row, 'version')),
  },
];

const FILES: readonly (SealedRows & { readonly table: Exclude<StorageTable, 'multipart_uploads'> })[] = [
  { table: 'kv', column: 'object', cursor: 'version', placeOf: kvValue },
  { table: 'bucket_objects', column: 'object', cursor: 'version', placeOf: object },
  { table: 'rejected_objects', column: 'object', cursor: 'version', placeOf: object },
  { table: 'multipart_parts', column: 'object', cursor: 'version', placeOf: part },
];

/** Everything that the capabilities keep sealed, for the rotation of keys. `released` is called when files were replaced. */
export function sealedPlacesOf(
  environment: StorageEnvironment,
  vault: Vault,
  released: () => void,
): readonly SealedPlace[] {
  return [
    ...COLUMNS.map((rows) => columnPlace(environment, vault, rows)),
    ...FILES.map((rows) => filePlace(environment, vault, rows, released)),
  ];
}

function columnPlace({ store }: StorageEnvironment, vault: Vault, rows: SealedRows): SealedPlace {
  const { table, column, cursor } = rows;
  const valueOf = (row: AnyRow): SealedValue => {
    const sealed = row[column];
    return {
      cursor: textIn(row, cursor),
      place: rows.placeOf(row),
      sealed: sealed instanceof Uint8Array ? sealed : new Uint8Array(0),
    };
  };
  return sealedValuesPlace(vault, {
    name: `${table}.${column}`,
    async list(project, after, limit) {
      return (await pageOf(store, rows, project, after, limit)).map(valueOf);
    },
    async read(project, cursors) {
      const query = selectFrom(store, rows, project).where(cursor as 'version', 'in', cursors);
      return (await store.query<AnyRow>(query.compile())).map(valueOf);
    },
    async replace(project, value, next) {
      const [changed] = await store.commit([
        queryBuilder(store.dialect)
          .updateTable(table as 'kv')
          .set({ [column]: next })
          .where('project', '=', project)
          .where(cursor as 'version', '=', value.cursor)
          .where(column as 'value', '=', value.sealed)
          .compile(),
      ]);
      return changed === 1;
    },
  });
}

function filePlace(
  environment: StorageEnvironment,
  vault: Vault,
  rows: (typeof FILES)[number],
  released: () => void,
): SealedPlace {
  const { store, objects } = environment;
  return {
    name: `${rows.table}.object`,
    async list(project, after, limit): Promise<readonly SealedItem[]> {
      const items: SealedItem[] = [];
      for (const row of await pageOf(store, rows, project, after, limit)) {
        const version = await objects.open(textIn(row, 'object')).then(
          async (file) => {
            try {
              return sealedVersion(await file.read(0, HEADER_BYTES));
            } finally {
              await file.close();
            }
          },
          // Replaced meanwhile, or lost: `rewrite` finds out.
          () => 0,
        );
        items.push({ cursor: textIn(row, 'version'), version });
      }
      return items;
    },
    async rewrite(project, items): Promise<Rewritten> {
      const outcome = { rewritten: 0, broken: 0 };
      const cursors = items.map(({ cursor }) => cursor);
      const query = selectFrom(store, rows, project).where('version', 'in', cursors);
      for (const row of await store.query<AnyRow>(query.compile())) {
        try {
          if (await resealFile(environment, vault, project, rows, row)) outcome.rewritten += 1;
        } catch (thrown) {
          if (!isBroken(thrown)) throw thrown;
          outcome.broken += 1;
        }
      }
      released();
      return outcome;
    },
  };
}

/** Writes the object anew and swaps the names in one commit; false when the row changed meanwhile. */
async function resealFile(
  { store, objects }: StorageEnvironment,
  vault: Vault,
  project: string,
  rows: (typeof FILES)[number],
  row: AnyRow,
): Promise<boolean> {
  const old = textIn(row, 'object');
  const place = rows.placeOf(row);
  const sink = await objects.create();
  try {
    const file = await objects.open(old);
    try {
      const plaintext = vault.openRange(project, place, file, { start: 0, end: Number.MAX_SAFE_INTEGER });
      for await (const sealed of vault.sealStream(project, place, plaintext)) await sink.write(sealed);
    } finally {
      await file.close();
    }
    await sink.finish();
    const db = queryBuilder(store.dialect);
    await store.commit([
      {
        ...db
          .updateTable(rows.table)
          .set({ object: sink.name })
          .where('project', '=', project)
          .where('version', '=', textIn(row, 'version'))
          .where('object', '=', old)
          .compile(),
        changes: 1,
      },
      db.insertInto('released_objects').values({ object: old }).compile(),
    ]);
  } catch (thrown) {
    await sink.abandon();
    await objects.delete(sink.name).catch(() => undefined);
    if (thrown instanceof CordonError && thrown.code === 'CORDON_STORE_CONFLICT') return false;
    throw thrown;
  }
  await objects.keep(sink.name);
  return true;
}

function selectFrom(store: StorageEnvironment['store'], { table, column }: SealedRows, project: string) {
  return queryBuilder(store.dialect)
    .selectFrom(table as 'kv')
    .selectAll()
    .where('project', '=', project)
    .where(column as keyof Tables['kv'], 'is not', null);
}

async function pageOf(
  store: StorageEnvironment['store'],
  rows: SealedRows,
  project: string,
  after: string | null,
  limit: number,
): Promise<readonly AnyRow[]> {
  const cursor = rows.cursor as 'version';
  const query = selectFrom(store, rows, project)
    .where(cursor, '>', after ?? '')
    .orderBy(cursor)
    .limit(limit);
  return store.query<AnyRow>(query.compile());
}

function textIn(row: AnyRow, column: string): string {
  return String(row[column] ?? '');
}

function isBroken(thrown: unknown): boolean {
  return (
    thrown instanceof CordonError &&
    ['CORDON_SEAL_BROKEN', 'CORDON_KEY_MISSING', 'CORDON_OBJECT_MISSING'].includes(thrown.code)
  );
}
