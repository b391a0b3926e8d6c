import { LIMITS } from '../../contract/index.ts';
import type { SignedField } from '../../aws/index.ts';
import { S3Error } from '../errors.ts';

/** Fields that proxies and browsers repeat and that no operation reads. */
const MAY_REPEAT: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'connection',
  'cookie',
  'forwarded',
  'via',
  'x-forwarded-for',
]);
const SIGNED_NAMES = /^[a-z0-9!#$%&'*+.^_`|~-]+(?:;[a-z0-9!#$%&'*+.^_`|~-]+)*$/;

/**
 * The fields by lower-case name. Errors: InvalidArgument for a field twice, of which one reader takes the
 * first and another the last.
 */
export function readFields(flat: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const name = (flat[at] ?? '').toLowerCase();
    const value = flat[at + 1] ?? '';
    if (/[^\0-\xff]/.test(value))
      throw new S3Error('InvalidArgument', { reason: `the header field ${name} is not made of bytes` });
    const before = fields.get(name);
    if (before !== undefined && !MAY_REPEAT.has(name))
      throw new S3Error('InvalidArgument', { reason: `the header field ${name} is there twice` });
    fields.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return fields;
}

/** The names in `SignedHeaders`; null unless they are spelled and sorted as they are signed. */
export function parseSignedNames(text: string): readonly string[] | null {
  if (!SIGNED_NAMES.test(text)) return null;
  const names = text.split(';');
  if (names.length > LIMITS.s3SignedFieldsMax.value) return null;
  const isSorted = names.every((name, at) => at === 0 || (names[at - 1] ?? '') < name);
  return isSorted ? names : null;
}

/**
 * The fields that a signature covers. Errors: AccessDenied where it leaves out what S3 wants signed, which is
 * `host` and every `x-amz-*`; SignatureDoesNotMatch where it names a field that is not there.
 */
export function signedFields(fields: ReadonlyMap<string, string>, names: readonly string[]): SignedField[] {
  const signed = new Set(names);
  if (!signed.has('host')) throw new S3Error('AccessDenied', { reason: 'the host is not signed' });
  for (const name of fields.keys())
    if (name.startsWith('x-amz-') && !signed.has(name))
      throw new S3Error('AccessDenied', { reason: `the header field ${name} is not signed` });
  return names.map((name) => {
    const value = fields.get(name);
    if (value === undefined)
      throw new S3Error('SignatureDoesNotMatch', { reason: `the signed header field ${name} is missing` });
    return [name, value];
  });
}
