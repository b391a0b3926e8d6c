import { z } from 'zod';
import { LIMITS } from '../../contract/index.ts';
import type { FetchArgs } from './contract.ts';
import { readTarget } from './url-pattern.ts';

const URL_LENGTH_MAX = 16 * 1024;
const FIELDS_MAX = 400;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/;
// RFC 9110 field values, without the bytes that end a line.
const VALUE = /^[^\0\r\n]*$/;

const fetchArgs = z.strictObject({
  url: z.string().max(URL_LENGTH_MAX),
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']),
  headers: z.array(z.string()).max(FIELDS_MAX),
  redirect: z.enum(['follow', 'manual', 'error']),
  body: z.boolean(),
  decode: z.boolean(),
}) satisfies z.ZodType<FetchArgs>;

/** A field as `[name, value]`; names in lower case. */
export type Field = readonly [name: string, value: string];

/** A request of the guest that is well formed. Whether it may be sent is another question. */
export interface FetchRequest {
  readonly url: URL;
  readonly method: FetchArgs['method'];
  readonly fields: readonly Field[];
  readonly redirect: FetchArgs['redirect'];
  readonly body: boolean;
  readonly decode: boolean;
}

/** Null when it is not a request that can be sent to anywhere; never throws. */
export function readRequest(args: unknown): FetchRequest | null {
  const parsed = fetchArgs.safeParse(args);
  if (!parsed.success) return null;
  const url = readTarget(parsed.data.url);
  const fields = readFields(parsed.data.headers);
  return url === null || fields === null ? null : { ...parsed.data, url, fields };
}

function readFields(flat: readonly string[]): Field[] | null {
  if (flat.length % 2 !== 0) return null;
  const fields: Field[] = [];
  let bytes = 0;
  for (let index = 0; index < flat.length; index += 2) {
    const name = flat[index] ?? '';
    const value = flat[index + 1] ?? '';
    if (!TOKEN.test(name) || !VALUE.test(value)) return null;
    bytes += name.length + value.length;
    fields.push([name.toLowerCase(), value]);
  }
  return bytes > LIMITS.egressRequestHeadersBytesMax.value ? null : fields;
}
