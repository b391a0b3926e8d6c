import { CordonError } from '../../contract/index.ts';
import { afterPrefix, cursorOf, textOfCursor } from '../keys.ts';
import type { BareRow, Position } from './objects.ts';

export interface ListingOptions {
  readonly prefix: string;
  /** Empty: none. */
  readonly delimiter: string;
  readonly cursor: string | null;
  readonly startAfter: string | null;
  readonly limit: number;
}

export interface Listing {
  readonly rows: readonly BareRow[];
  readonly delimitedPrefixes: readonly string[];
  readonly cursor: string | null;
}

/** Rows whose keys start with the prefix, from a position on. */
export type ReadPage = (from: Position, limit: number) => Promise<readonly BareRow[]>;

/**
 * Lists keys, those with the delimiter after the prefix as one prefix each. Keys under a prefix that is found
 * are skipped, not read: each page but the last finds something new, so pages are at most one more than `limit`.
 */
export async function listObjects(options: ListingOptions, readPage: ReadPage): Promise<Listing> {
  const { prefix, delimiter, limit } = options;
  const rows: BareRow[] = [];
  const delimitedPrefixes: string[] = [];
  let position = startOf(options);
  let cursor = '';
  while (position !== null) {
    const room = limit - rows.length - delimitedPrefixes.length;
    const page: readonly BareRow[] = await readPage(position, room + 1);
    let group: string | null = null;
    for (const row of page) {
      if (group !== null && row.key.startsWith(group)) continue;
      if (rows.length + delimitedPrefixes.length === limit)
        return { rows, delimitedPrefixes, cursor: cursorOf(cursor) };
      group = groupOf(row.key, prefix, delimiter);
      if (group === null) rows.push(row);
      else delimitedPrefixes.push(group);
      cursor = group === null ? `k${row.key}` : `p${group}`;
    }
    position = page.length > room ? positionAfter(cursor) : null;
  }
  return { rows, delimitedPrefixes, cursor: null };
}

function startOf({ prefix, cursor, startAfter }: ListingOptions): Position | null {
  const first = { key: prefix, inclusive: true };
  if (cursor !== null) {
    const text = textOfCursor(cursor);
    if (!/^[kp]/.test(text) || !text.slice(1).startsWith(prefix))
      throw new CordonError('CORDON_CURSOR_INVALID');
    return positionAfter(text);
  }
  if (startAfter === null) return first;
  return { key: startAfter, inclusive: false };
}

/** `k` and a key, or `p` and a prefix under which all was told. */
function positionAfter(cursor: string): Position | null {
  const text = cursor.slice(1);
  if (cursor.startsWith('k')) return { key: text, inclusive: false };
  const next = afterPrefix(text);
  return next === null ? null : { key: next, inclusive: true };
}

function groupOf(key: string, prefix: string, delimiter: string): string | null {
  if (delimiter === '') return null;
  const at = key.indexOf(delimiter, prefix.length);
  return at === -1 ? null : key.slice(0, at + delimiter.length);
}
