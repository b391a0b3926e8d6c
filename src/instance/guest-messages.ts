import { ChannelViolation } from '../channel/index.ts';
import type { AssignedHead, FailureHead, GuestError, ResponseHead } from '../channel/index.ts';
import { LIMITS } from '../contract/index.ts';

/**
 * Readers of what a guest says. They check by hand because `parseResponse` is on the path of every request.
 * All errors: `ChannelViolation`.
 */

export function parseResponse(head: unknown): ResponseHead {
  if (!Array.isArray(head) || head.length !== 2) throw new ChannelViolation('a response head is malformed');
  const [status, headers] = head as [unknown, unknown];
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 101 || status > 599) {
    throw new ChannelViolation('a response status is out of range');
  }
  if (!Array.isArray(headers) || headers.length % 2 !== 0)
    throw new ChannelViolation('response headers are malformed');
  let bytes = 0;
  for (const part of headers) {
    if (typeof part !== 'string') throw new ChannelViolation('a response header is not text');
    bytes += part.length;
  }
  if (bytes > LIMITS.responseHeadersBytesMax.value)
    throw new ChannelViolation('the response headers are too large');
  return [status, headers as string[]];
}

export function parseFailure(head: unknown): FailureHead {
  const { kind, error } = asRecord(head);
  return { kind: kind === 'response' ? 'response' : 'throw', error: parseError(error) };
}

export function parseAssigned(head: unknown): AssignedHead {
  const { handlers, failure } = asRecord(head);
  if (!Array.isArray(handlers) || handlers.length > 16)
    throw new ChannelViolation('the handlers are malformed');
  const names = handlers.filter((name): name is string => typeof name === 'string');
  if (failure === null) return { handlers: names, failure: null };
  const { kind, error } = asRecord(failure);
  return {
    handlers: names,
    failure: { kind: kind === 'invalid' ? 'invalid' : 'throw', error: parseError(error) },
  };
}

function parseError(value: unknown): GuestError {
  const { name, message, stack } = asRecord(value);
  return { name: asText(name), message: asText(message), stack: asText(stack) };
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 8192) : '';
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new ChannelViolation('a message is not an object');
  return value as Record<string, unknown>;
}

/** The text of no more than so many bytes. Half a character at the cut is left out, as the rest of it would hide the piece of a secret before it. */
export function textWithin(bytes: Uint8Array, bytesMax: number): string {
  return new TextDecoder().decode(bytes.subarray(0, bytesMax), { stream: true });
}

const NAME_LENGTH_MAX = 256;

export function parseCall(head: unknown): {
  readonly capability: string;
  readonly binding: string;
  readonly operation: string;
  readonly args: unknown;
  readonly stream: number;
} {
  if (!Array.isArray(head) || head.length !== 5) throw new ChannelViolation('a call is malformed');
  const [capability, binding, operation, args, stream] = head as [
    unknown,
    unknown,
    unknown,
    unknown,
    unknown,
  ];
  for (const name of [capability, binding, operation]) {
    if (typeof name !== 'string' || name.length > NAME_LENGTH_MAX)
      throw new ChannelViolation('a call is malformed');
  }
  if (typeof stream !== 'number') throw new ChannelViolation('a call is malformed');
  return {
    capability: capability as string,
    binding: binding as string,
    operation: operation as string,
    args,
    stream,
  };
}
