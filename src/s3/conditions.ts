import { S3Error } from './errors.ts';

const SECOND_MS = 1000;

/** What a condition is asked of. */
export interface ConditionedState {
  /** Without quotes. */
  readonly etag: string;
  /** Milliseconds since the epoch. */
  readonly uploaded: number;
}

/** The conditions of a request, by the names of RFC 9110 section 13.1; undefined where it has none. */
export interface Conditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly ifModifiedSince: string | undefined;
  readonly ifUnmodifiedSince: string | undefined;
}

/** Those of a request, or with a prefix those on the source of a copy. */
export function conditionsOf(fields: ReadonlyMap<string, string>, prefix = ''): Conditions {
  return {
    ifMatch: fields.get(`${prefix}if-match`),
    ifNoneMatch: fields.get(`${prefix}if-none-match`),
    ifModifiedSince: fields.get(`${prefix}if-modified-since`),
    ifUnmodifiedSince: fields.get(`${prefix}if-unmodified-since`),
  };
}

/** What becomes of a read, in the order of RFC 9110 section 13.2.2. A time that cannot be read counts as none. */
export function judgeRead(
  conditions: Conditions,
  { etag, uploaded }: ConditionedState,
): 'go on' | 'failed' | 'not modified' {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions;
  const modified = Math.floor(uploaded / SECOND_MS) * SECOND_MS;
  if (ifMatch !== undefined) {
    if (!names(ifMatch, etag)) return 'failed';
  } else if (ifUnmodifiedSince !== undefined && modified > timeOf(ifUnmodifiedSince)) return 'failed';
  if (ifNoneMatch !== undefined) return names(ifNoneMatch, etag) ? 'not modified' : 'go on';
  return ifModifiedSince !== undefined && modified <= timeOf(ifModifiedSince) ? 'not modified' : 'go on';
}

/** Whether a Range is to be served (RFC 9110 section 13.1.5); where not, the whole is. */
export function servesRange(ifRange: string | undefined, { etag, uploaded }: ConditionedState): boolean {
  if (ifRange === undefined) return true;
  // A weak tag never holds, and a date only when it is the very one that was told.
  return ifRange === `"${etag}"` || ifRange === new Date(uploaded).toUTCString();
}

/**
 * The condition of a write, asked of what is there when it takes effect; null for none. What it throws is
 * the answer: PreconditionFailed, or NoSuchKey where If-Match finds nothing. Errors: NotImplemented for others.
 */
export function writeCondition(
  fields: ReadonlyMap<string, string>,
): ((current: ConditionedState | null) => void) | null {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditionsOf(fields);
  if (ifModifiedSince !== undefined || ifUnmodifiedSince !== undefined)
    throw new S3Error('NotImplemented', { reason: 'a write with a time as its condition' });
  if (ifNoneMatch !== undefined && (ifNoneMatch.trim() !== '*' || ifMatch !== undefined))
    throw new S3Error('NotImplemented', { reason: 'If-None-Match other than * for a write' });
  if (ifNoneMatch !== undefined)
    return (current) => {
      if (current !== null) throw new S3Error('PreconditionFailed');
    };
  if (ifMatch === undefined) return null;
  return (current) => {
    if (current === null) throw new S3Error('NoSuchKey');
    if (!names(ifMatch, current.etag)) throw new S3Error('PreconditionFailed');
  };
}

/** Whether a list of entity tags, with or without quotes, names one; `*` names each. */
function names(list: string, etag: string): boolean {
  return list.split(',').some((item) => {
    const tag = item
      .trim()
      .replace(/^W\//, '')
      .replace(/^"(.*)"$/, '$1');
    return tag === '*' || tag === etag;
  });
}

function timeOf(text: string): number {
  return Date.parse(text);
}
