import type { Row, Statement, Store } from '../store/index.ts';
import { CordonError } from '../contract/index.ts';
import { broken, sealedVersion } from './format.ts';
import type { Rewritten, SealedItem, SealedPlace, Vault } from './port.ts';

const IDENTIFIER = /^[a-z][a-z_]*$/;
const BASE64URL = /^[A-Za-z0-9_-]*$/;

/** Seals text for a column of text: base64url of the sealed value. */
export async function sealText(vault: Vault, project: string, place: string, text: string): Promise<string> {
  const sealed = await vault.seal(project, place, Buffer.from(text));
  return toBase64Url(sealed);
}

/** Opens what `sealText` made. Errors: CORDON_SEAL_BROKEN and those of a key. */
export async function openText(
  vault: Vault,
  project: string,
  place: string,
  sealed: string,
): Promise<string> {
  const plaintext = await vault.open(project, place, fromBase64Url(sealed));
  return Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength).toString();
}

/** One sealed value as a place keeps it. */
export interface SealedValue {
  readonly cursor: string;
  /** Where it was sealed. */
  readonly place: string;
  readonly sealed: Uint8Array;
}

/** What a place of values has to do for itself. */
export interface SealedValues {
  readonly name: string;
  /** At most `limit` values whose cursor is greater than `after`, in the order of their cursors. */
  list(project: string, after: string | null, limit: number): Promise<readonly SealedValue[]>;
  /** Those of these cursors that are still there. */
  read(project: string, cursors: readonly string[]): Promise<readonly SealedValue[]>;
  /** Puts `next` in place of the value if it is still the same; true when it was. */
  replace(project: string, value: SealedValue, next: Uint8Array): Promise<boolean>;
}

/** A place of values for `Vault.reseal`. */
export function sealedValuesPlace(vault: Vault, values: SealedValues): SealedPlace {
  return {
    name: values.name,
    async list(project, after, limit): Promise<readonly SealedItem[]> {
      const found = await values.list(project, after, limit);
      return found.map(({ cursor, sealed }) => ({ cursor, version: versionOf(sealed) }));
    },
    async rewrite(project, items): Promise<Rewritten> {
      const cursors = items.map(({ cursor }) => cursor);
      const outcomes = await Promise.all(
        (await values.read(project, cursors)).map((value) => reseal(vault, project, values, value)),
      );
      return {
        rewritten: outcomes.filter((outcome) => outcome === 'rewritten').length,
        broken: outcomes.filter((outcome) => outcome === 'broken').length,
      };
    },
  };
}

async function reseal(
  vault: Vault,
  project: string,
  values: SealedValues,
  value: SealedValue,
): Promise<'rewritten' | 'changed' | 'broken'> {
  let plaintext: Uint8Array;
  try {
    plaintext = await vault.open(project, value.place, value.sealed);
  } catch (error) {
    const isBroken =
      error instanceof CordonError &&
      (error.code === 'CORDON_SEAL_BROKEN' || error.code === 'CORDON_KEY_MISSING');
    if (isBroken) return 'broken';
    throw error;
  }
  const next = await vault.seal(project, value.place, plaintext);
  plaintext.fill(0);
  return (await values.replace(project, value, next)) ? 'rewritten' : 'changed';
}

/** 0, which no data key has, for what is not sealed at all: it is found broken when it is opened. */
function versionOf(sealed: Uint8Array): number {
  try {
    return sealedVersion(sealed);
  } catch {
    return 0;
  }
}

export interface SealedColumn {
  readonly store: Store;
  readonly table: string;
  /** Holds the project. */
  readonly projectColumn: string;
  /** Text, unique in a project. */
  readonly keyColumn: string;
  /** Holds the sealed value; null is passed over. */
  readonly column: string;
  readonly encoding: 'base64url' | 'bytes';
  /** Where the value of a key was sealed. */
  readonly placeOf: (key: string) => string;
}

/** A place for `Vault.reseal` that is one sealed column of a table. */
export function sealedColumnPlace(vault: Vault, column: SealedColumn): SealedPlace {
  for (const name of [column.table, column.projectColumn, column.keyColumn, column.column]) {
    if (!IDENTIFIER.test(name)) throw new CordonError('CORDON_INTERNAL', `${name} is no name of a column.`);
  }
  const { table, projectColumn, keyColumn, store } = column;
  const name = `${table}.${column.column}`;
  const decode = (row: Row): SealedValue => {
    const key = String(row['key']);
    return { cursor: key, place: column.placeOf(key), sealed: toBytes(row['sealed'] ?? null) };
  };
  const select = `SELECT "${keyColumn}" AS key, "${column.column}" AS sealed FROM "${table}" WHERE "${projectColumn}" = ? AND "${column.column}" IS NOT NULL`;
  const query = async (sql: string, parameters: readonly unknown[]): Promise<SealedValue[]> =>
    (await store.query(compile(store, sql, parameters))).map(decode);
  return sealedValuesPlace(vault, {
    name,
    list: (project, after, limit) =>
      query(`${select} AND "${keyColumn}" > ? ORDER BY "${keyColumn}" LIMIT ?`, [
        project,
        after ?? '',
        limit,
      ]),
    read: (project, cursors) =>
      query(`${select} AND "${keyColumn}" IN (${cursors.map(() => '?').join(', ')})`, [project, ...cursors]),
    async replace(project, value, next) {
      const encode = (bytes: Uint8Array): unknown =>
        column.encoding === 'bytes' ? bytes : toBase64Url(bytes);
      const sql = `UPDATE "${table}" SET "${column.column}" = ? WHERE "${projectColumn}" = ? AND "${keyColumn}" = ? AND "${column.column}" = ?`;
      const parameters = [encode(next), project, value.cursor, encode(value.sealed)];
      const [changed] = await store.commit([compile(store, sql, parameters)]);
      return changed === 1;
    },
  });
}

/** Numbers the parameters as the dialect has them. */
function compile({ dialect }: Store, sql: string, parameters: readonly unknown[]): Statement {
  let count = 0;
  const numbered = sql.replaceAll('?', () => {
    count += 1;
    return dialect === 'sqlite' ? '?' : `$${count}`;
  });
  return { sql: numbered, parameters };
}

/** What is not sealed becomes bytes that do not open. */
function toBytes(value: Row[string]): Uint8Array {
  if (value instanceof Uint8Array) return value;
  return typeof value === 'string' && BASE64URL.test(value)
    ? Buffer.from(value, 'base64url')
    : new Uint8Array(0);
}

function toBase64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}

function fromBase64Url(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64url');
  // Each value has one text: otherwise a changed text would open.
  if (bytes.toString('base64url') !== text) throw broken();
  return bytes;
}
