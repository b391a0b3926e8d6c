import assert from 'node:assert/strict';
import { CordonError } from '../contract/index.ts';
import type { ErrorCode } from '../contract/index.ts';
import type { CloudEvent } from '../events/index.ts';
import { readCloudEvents } from './index.ts';
import type { WrittenEvent } from './index.ts';

export const HEAD = { specversion: '1.0', id: '1', source: '/a', type: 'a.b' } as const;
export const STRUCTURED = 'application/cloudevents+json';
export const BATCHED = 'application/cloudevents-batch+json';
export const NONE = Buffer.alloc(0);

export function structured(value: unknown, contentType = STRUCTURED): readonly CloudEvent[] {
  const body = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  return readCloudEvents({ contentType, headers: [], body });
}

export const BINARY = ['ce-specversion', '1.0', 'ce-id', '1', 'ce-source', '/a', 'ce-type', 'a.b'];

export function binary(
  headers: readonly string[] = [],
  body: Uint8Array = NONE,
  contentType: string | null = null,
) {
  return readCloudEvents({ contentType, headers: [...BINARY, ...headers], body });
}

export function read({ headers, body }: WrittenEvent): readonly CloudEvent[] {
  const at = headers.indexOf('content-type');
  const contentType = at === -1 ? null : (headers[at + 1] ?? null);
  return readCloudEvents({ contentType, headers, body: body ?? NONE });
}

/** An event with its data as text. */
export function told([event]: readonly CloudEvent[]) {
  assert.ok(event !== undefined);
  return { ...event.attributes, data: event.data === null ? null : Buffer.from(event.data).toString() };
}

export function assertRefused(run: () => unknown, code: ErrorCode, details: Record<string, unknown>): void {
  assert.throws(run, (thrown) => {
    assert.ok(thrown instanceof CordonError, String(thrown));
    assert.deepEqual([thrown.code, { ...thrown.details, ...details }], [code, thrown.details]);
    return true;
  });
}
