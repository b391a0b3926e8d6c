import { LIMITS } from '../../contract/index.ts';
import { canonicalPathOf, canonicalQuery } from '../../aws/index.ts';
import { S3Error } from '../errors.ts';

/** What a request target says: decoded once, and as it is signed. */
export interface Target {
  readonly path: string;
  readonly canonicalPath: string;
  /** Each name once. */
  readonly parameters: ReadonlyMap<string, string>;
}

/**
 * Decodes a path and a query as they are signed. Errors: InvalidURI for escapes that are broken or decode to
 * no text, for what has to be escaped and is not, and for a `+` in the query, which is a space to one reader and a plus to another;
 * InvalidArgument for a parameter twice, of which each reader takes another.
 */
export function readTarget(path: string, query: string): Target {
  if (!path.startsWith('/')) throw invalid('the path does not start with a slash');
  const segments = path.split('/').map(decoded);
  return {
    path: segments.join('/'),
    canonicalPath: canonicalPathOf(segments),
    parameters: readParameters(query),
  };
}

/** The query without one parameter, as it is signed. */
export function canonicalQueryWithout(
  parameters: ReadonlyMap<string, string>,
  without: string | null,
): string {
  return canonicalQuery([...parameters].filter(([name]) => name !== without));
}

function readParameters(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  if (query === '') return parameters;
  const pairs = query.split('&', LIMITS.s3QueryParametersMax.value + 1);
  if (pairs.length > LIMITS.s3QueryParametersMax.value)
    throw new S3Error('InvalidArgument', { reason: 'there are too many query parameters' });
  if (query.includes('+')) throw invalid('there is a plus sign in the query that is not escaped');
  for (const pair of pairs) {
    const [name = '', ...value] = pair.split('=');
    const key = decoded(name);
    if (key === '') throw invalid('a query parameter has no name');
    if (parameters.has(key))
      throw new S3Error('InvalidArgument', { reason: 'a query parameter is there twice' });
    parameters.set(key, decoded(value.join('=')));
  }
  return parameters;
}

function decoded(text: string): string {
  let plain: string;
  try {
    plain = decodeURIComponent(text);
  } catch (cause) {
    throw new S3Error('InvalidURI', { reason: 'an escape is broken or decodes to no text', cause });
  }
  if (/[^\x21-\x7e]/.test(text)) throw invalid('there is a character that has to be escaped');
  return plain;
}

function invalid(reason: string): S3Error {
  return new S3Error('InvalidURI', { reason });
}
