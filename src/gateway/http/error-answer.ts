import { STATUS_CODES } from 'node:http';
import { ERRORS } from '../../contract/index.ts';
import type { ErrorCode } from '../../contract/index.ts';
import { asciiJson } from '../stages/ascii-json.ts';

const OPAQUE_MESSAGE = 'The request could not be served.';

/** An answer that says no more than a code and the id under which the operator finds the rest. */
export interface ErrorAnswer {
  readonly status: number;
  /** Flat, Content-Length included. */
  readonly fields: string[];
  /** ASCII alone. */
  readonly body: string;
}

/** Makes the answer for an error. Only the summaries of faults of the caller are told. */
export function errorAnswer(
  code: ErrorCode,
  id: string,
  extra: readonly string[] = [],
  details: Readonly<Record<string, unknown>> | null = null,
): ErrorAnswer {
  const { fault, status, summary } = ERRORS[code];
  const body = asciiJson({
    error: { code, message: fault === 'caller' ? summary : OPAQUE_MESSAGE, id, ...details },
  });
  const fields = [
    'content-type',
    'application/json',
    'content-length',
    String(Buffer.byteLength(body)),
    'x-request-id',
    id,
  ];
  if (status === 503 && !extra.includes('retry-after')) fields.push('retry-after', '1');
  fields.push(...extra);
  return { status, fields, body };
}

/** The same as bytes of HTTP/1.1, for a connection whose parser has given up. It closes the connection. */
export function rawErrorAnswer(code: ErrorCode, id: string, extra: readonly string[] = []): string {
  const { status, fields, body } = errorAnswer(code, id, extra);
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, 'connection: close'];
  for (let i = 0; i < fields.length; i += 2) lines.push(`${fields[i] ?? ''}: ${fields[i + 1] ?? ''}`);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
