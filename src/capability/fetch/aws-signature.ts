import type { Field } from './arguments.ts';
import { fieldValue, withoutField } from './fields.ts';

/** Payload marks of S3 that cover no bytes of the body, so that it can stream. */
const OPEN_PAYLOADS: ReadonlySet<string> = new Set([
  'UNSIGNED-PAYLOAD',
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
]);

/** The mark under which the body need not be held, or null when it has to be hashed. Only S3, only with TLS. */
export function openPayload(fields: readonly Field[], service: string, url: URL): string | null {
  const mark = fieldValue(fields, 'x-amz-content-sha256');
  return service === 's3' && url.protocol === 'https:' && mark !== null && OPEN_PAYLOADS.has(mark)
    ? mark
    : null;
}

/** The fields without what a client signed with the key it believes in. */
export function withoutAwsSignature(fields: readonly Field[]): Field[] {
  return ['authorization', 'x-amz-date', 'date', 'x-amz-security-token'].reduce<Field[]>(withoutField, [
    ...fields,
  ]);
}
