/**
 * The harness: all that runs in a sandbox until the host assigns a function. It warms its own path, says
 * `ready`, loads one bundle, and serves requests. It decides nothing: a guest that takes it over has
 * gained what its own code could do anyway.
 */
import {
  CALL_STREAM_BIT,
  FLAG,
  FRAME,
  decodeClose,
  decodeCredit,
  decodeHead,
  encodeFrame,
  encodeHead,
  HEADER_BYTES,
} from '../channel/index.ts';
import type { AssignHead, AssignedHead, EventHead, RequestHead } from '../channel/index.ts';
import { installConnect, installFetch, installNodeHttp } from '../capability/guest.ts';
import type { KVNamespace } from '../capability/guest.ts';
import { makeEnvironment } from './bindings.ts';
import { CallClient } from './calls.ts';
import { currentStream, installConsole } from './console.ts';
import { reportDenials } from './denials.ts';
import { describeError } from './errors.ts';
import { GuestEvent } from './event.ts';
import { GuestExchange } from './exchange.ts';
import { InvalidModule, loadModule } from './loader.ts';
import type { LoadedModule } from './loader.ts';
import { installRequest } from './request.ts';
import { installResponse } from './response.ts';
import { installSystem } from './system.ts';
import { Wire } from './wire.ts';

const WARMUP_WINDOW_BYTES = 64 * 1024;

interface Assignment {
  readonly module: LoadedModule;
  readonly env: Readonly<Record<string, unknown>>;
  readonly windowBytes: number;
}

const exchanges = new Map<number, GuestExchange | GuestEvent>();
let assignment: Assignment | null = null;

function handleFrame(type: number, flags: number, stream: number, payload: Uint8Array): void {
  if (stream >= CALL_STREAM_BIT) {
    calls.handle(type, flags, stream, payload);
    return;
  }
  switch (type) {
    case FRAME.request:
      startExchange(stream, flags, payload);
      return;
    case FRAME.data:
      exchanges.get(stream)?.data(payload, flags);
      return;
    case FRAME.credit:
      exchanges.get(stream)?.credit(decodeCredit(payload));
      return;
    case FRAME.abort:
      exchanges.get(stream)?.abort();
      return;
    case FRAME.close: {
      const { code, reason } = decodeClose(payload);
      exchanges.get(stream)?.close(code, reason);
      return;
    }
    case FRAME.ping:
      wire.send(FRAME.pong, 0, 0, null);
      return;
    case FRAME.assign:
      void assign(flags, payload);
  }
}

const wire = new Wire(handleFrame);
const calls = new CallClient(wire);

function release(id: number): void {
  exchanges.delete(id);
}

function startExchange(id: number, flags: number, payload: Uint8Array): void {
  if (assignment === null) return;
  const { head, body } = decodeHead(payload);
  const { module, env, windowBytes } = assignment;
  const exchange =
    (flags & FLAG.event) === 0
      ? new GuestExchange(wire, { id, flags, head: head as RequestHead, body }, windowBytes, release)
      : new GuestEvent(wire, { id, flags, head: head as EventHead, body }, release);
  exchanges.set(id, exchange);
  const handler = module.handlers.get(exchange.handler);
  if (handler === undefined) {
    exchange.fail('response', new TypeError(`The module exports no \`${exchange.handler}\` handler.`));
    return;
  }
  currentStream.run(id, () => void exchange.run(module, handler, env));
}

async function assign(flags: number, payload: Uint8Array): Promise<void> {
  const { head: json, body } = decodeHead(payload);
  const head = json as AssignHead;
  const cacheEnd = head.bundleBytes + head.codeCacheBytes;
  const bundle = body.subarray(0, head.bundleBytes);
  // V8 wants the cache aligned; a copy is.
  const codeCache = head.codeCacheBytes > 0 ? body.slice(head.bundleBytes, cacheEnd) : null;
  for (const [name, value] of Object.entries(head.vars)) process.env[name] = value;
  let answer: AssignedHead;
  let made: Uint8Array | null = null;
  try {
    const module = await loadModule(head, bundle, codeCache, (flags & FLAG.check) !== 0);
    calls.windowBytes = head.windowBytes;
    assignment = { module, env: makeEnvironment(head, calls), windowBytes: head.windowBytes };
    made = module.codeCache;
    answer = { handlers: [...module.handlers.keys()], failure: null };
  } catch (thrown) {
    const kind = thrown instanceof InvalidModule ? 'invalid' : 'throw';
    answer = { handlers: [], failure: { kind, error: describeError(thrown) } };
  }
  wire.send(FRAME.assigned, 0, 0, encodeHead(answer, made));
}

/** Errors outside of a handler cost a log line, never the instance. */
function installErrorHandlers(): void {
  globalThis.addEventListener('unhandledrejection', (event) => {
    event.preventDefault();
    console.error('Unhandled rejection:', event.reason);
  });
  globalThis.addEventListener('error', (event) => {
    event.preventDefault();
    console.error('Uncaught error:', event.error);
  });
}

/** Takes a throw-away function through the whole path, so that its code is compiled before `ready`. */
async function warm(): Promise<void> {
  const bundle = new TextEncoder().encode(`exports.default = { async fetch(request, env, ctx) {
    const url = new URL(request.url);
    request.headers.get('accept');
    if (url.pathname === '/stream') {
      const { readable, writable } = new TransformStream();
      ctx.waitUntil(request.body.pipeTo(writable));
      return new Response(readable, { headers: { 'content-type': 'text/plain' } });
    }
    if (url.pathname === '/text') return new Response(await request.text());
    return Response.json({ path: url.pathname });
  } }`);
  const head: AssignHead = {
    name: 'warm/up',
    format: 'script',
    vars: {},
    bindings: {},
    bundleBytes: bundle.byteLength,
    codeCacheBytes: 0,
    windowBytes: WARMUP_WINDOW_BYTES,
  };
  await assign(0, encodeHead(head, bundle));
  const piece = new TextEncoder().encode('warm');
  for (const [id, path] of ['/json', '/text', '/stream'].entries()) {
    const request: RequestHead = [
      path === '/json' ? 'GET' : 'POST',
      `http://warm${path}`,
      ['accept', '*/*'],
      'warm',
    ];
    const flags = path === '/stream' ? 0 : FLAG.last;
    const frame = encodeFrame(
      FRAME.request,
      flags,
      id + 1,
      encodeHead(request, path === '/json' ? null : piece),
    );
    handleFrame(FRAME.request, flags, id + 1, frame.subarray(HEADER_BYTES));
    if (path === '/stream') handleFrame(FRAME.data, FLAG.last, id + 1, piece);
  }
  await warmCalls();
  while (exchanges.size > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assignment = null;
}

/** Takes a call through its path and back; nobody is asked, and the answer is made here. */
async function warmCalls(): Promise<void> {
  const { KV } = makeEnvironment({ vars: {}, bindings: { kv: ['KV'] } }, calls);
  const reading = (KV as KVNamespace).get('warm');
  const id = CALL_STREAM_BIT + 1;
  handleFrame(FRAME.reply, FLAG.last, id, encodeHead({ value: {} }, new TextEncoder().encode('warm')));
  await reading;
}

installRequest();
installResponse();
installConsole(wire);
installErrorHandlers();
reportDenials(wire);
installFetch(calls);
installNodeHttp(calls);
installConnect(calls);
installSystem();
await warm();
if (typeof gc === 'function') gc();
wire.muted = false;
wire.send(FRAME.ready, 0, 0, null);
