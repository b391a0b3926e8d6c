import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CordonError } from '../../contract/index.ts';
import type { Evidence, SecurityEvent } from '../../evidence/index.ts';
import type { CallHandler, GuestCall } from '../../instance/index.ts';
import { NO_GRANTS } from '../../manifest/index.ts';
import type { FetchGrant } from '../../manifest/index.ts';
import type { CallerContext, Capability } from '../port.ts';
import type { FetchAnswer, FetchArgs } from './contract.ts';

export interface Outcome {
  readonly answer: FetchAnswer | null;
  readonly body: Buffer;
  readonly error: CordonError | null;
  /** Rule of a denial, before anything was sent. */
  readonly denied: string | null;
  /** Bytes of the request's body for which the guest got credit. */
  readonly credited: number;
}

export function contextWith(fetch: readonly FetchGrant[]): CallerContext {
  return {
    project: 'default',
    app: 'app',
    function: 'code',
    deployment: 'd'.repeat(64),
    instance: 'ins_1',
    grants: { ...NO_GRANTS, fetch },
  };
}

export interface CallOptions extends Partial<FetchArgs> {
  readonly chunks?: readonly Uint8Array[];
  /** Says no to each piece and takes the next one a turn later. */
  readonly slow?: boolean;
  readonly onHandler?: (handler: CallHandler) => void;
}

/** Sends one call through a capability, as the broker does, and collects what comes back. */
export async function callFetchCapability(
  capability: Capability,
  context: CallerContext,
  url: string,
  { chunks = [], slow = false, onHandler, ...args }: CallOptions = {},
): Promise<Outcome> {
  const whole: FetchArgs = {
    url,
    method: 'GET',
    headers: [],
    redirect: 'follow',
    body: chunks.length > 0,
    decode: true,
    ...args,
  };
  const call: GuestCall = {
    capability: 'fetch',
    binding: '',
    operation: 'fetch',
    args: whole,
    request: 'req_1',
    hops: 0,
  };
  const pieces: Uint8Array[] = [];
  let answer: FetchAnswer | null = null;
  let credited = 0;
  const decision = capability.decide(context, call);
  if (decision.outcome === 'deny')
    return { answer, body: Buffer.alloc(0), error: null, denied: decision.rule, credited };
  const error = await new Promise<CordonError | null>((resolve) => {
    const handler = capability.serve(context, call, {
      head(value, body, last) {
        answer = value as FetchAnswer;
        if (body !== null) pieces.push(body);
        if (last) resolve(null);
      },
      write(chunk) {
        pieces.push(chunk);
        if (slow) setImmediate(() => handler.drain());
        return !slow;
      },
      end: () => resolve(null),
      fail: (error: CordonError) => resolve(error),
      consumed(bytes) {
        credited += bytes;
      },
    });
    onHandler?.(handler);
    void send(handler, chunks);
  });
  return { answer, body: Buffer.concat(pieces), error, denied: null, credited };
}

async function send(handler: CallHandler, chunks: readonly Uint8Array[]): Promise<void> {
  for (const [index, chunk] of chunks.entries()) {
    if (index > 0) await nextTurn();
    handler.data(chunk);
  }
  handler.end();
}

export function recordingEvidence(): Evidence & { readonly recorded: Omit<SecurityEvent, 'time'>[] } {
  const recorded: Omit<SecurityEvent, 'time'>[] = [];
  return {
    recorded,
    log: () => undefined,
    record: (event) => void recorded.push(event),
    logs: () => Promise.resolve([]),
    events: () => Promise.resolve([]),
    follow: () => () => undefined,
    flush: () => Promise.resolve(),
  };
}
