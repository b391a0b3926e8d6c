import type { Field } from './arguments.ts';

/** Fields about one connection, or that the host decides (RFC 9110, 7.6.1). */
const OWN_REQUEST_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const OWN_RESPONSE_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Fields that do not go to another origin (Fetch, 4.4) and what clients use in their place. */
const CREDENTIALS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'x-api-key']);
/** Fields about a body, which go when a redirect drops it (Fetch, "request-body-header name"). */
const BODY_FIELDS: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-type',
]);

export function requestFields(fields: readonly Field[]): Field[] {
  return fields.filter(([name]) => !OWN_REQUEST_FIELDS.has(name));
}

export function responseFields(fields: readonly Field[]): Field[] {
  return fields.filter(([name]) => !OWN_RESPONSE_FIELDS.has(name));
}

export function withoutCredentials(fields: readonly Field[]): Field[] {
  return fields.filter(([name]) => !CREDENTIALS.has(name));
}

export function withoutBodyFields(fields: readonly Field[]): Field[] {
  return fields.filter(([name]) => !BODY_FIELDS.has(name));
}

export function withoutField(fields: readonly Field[], unwanted: string): Field[] {
  return fields.filter(([name]) => name !== unwanted);
}

export function withField(fields: readonly Field[], name: string, value: string): Field[] {
  return [...withoutField(fields, name), [name, value]];
}

/** The first value, null when there is none. */
export function fieldValue(fields: readonly Field[], wanted: string): string | null {
  return fields.find(([name]) => name === wanted)?.[1] ?? null;
}

export function flatten(fields: readonly Field[]): string[] {
  return fields.flat();
}
