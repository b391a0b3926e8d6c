import { RecordingEvidence } from '../evidence/recording-evidence.fixture.ts';
export { RecordingEvidence };
import { LIMITS } from '../contract/index.ts';
import { NO_AUTH, NO_GRANTS } from '../manifest/index.ts';
import type { CordonError } from '../contract/index.ts';
import type { DeployedFunction, Deployment } from '../deploy/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { Exchange, ExchangeRequest, ResponseSink } from '../instance/index.ts';
import type { FunctionLimits } from '../manifest/index.ts';
import { buildHarness, createBubblewrapIsolation } from '../sandbox/index.ts';
import { Pool } from './index.ts';
import type { PoolOptions } from './index.ts';

/** A function with one path for each thing that can go well or wrong, and a pool that runs it in real sandboxes. */
const CODE = `
let counter = 0;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
exports.default = {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case '/count': return new Response(String(++counter));
      case '/random': return new Response(crypto.randomUUID());
      case '/text': return new Response(await request.text());
      case '/echo': return new Response(request.body);
      case '/headers': return Response.json([...request.headers]);
      case '/throw': throw new Error('it broke');
      case '/string': return 'not a response';
      case '/reject-later': setTimeout(() => { throw new Error('later'); }, 1); Promise.reject(new Error('unheard')); await sleep(20); return new Response('ok');
      case '/never': return new Promise(() => {});
      case '/loop': for (;;);
      case '/memory': { const kept = []; for (;;) { kept.push(new Uint8Array(8 << 20).fill(1)); } }
      case '/sleep': await sleep(Number(searchParams.get('ms'))); return new Response('slept');
      case '/wait': ctx.waitUntil(sleep(Number(searchParams.get('ms'))).then(() => console.log('waited'))); return new Response('early');
      case '/signal': await new Promise((resolve) => request.signal.addEventListener('abort', resolve)); console.log('signal fired'); return new Response('late');
      case '/endless': return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65536)); } }));
      case '/bytes': return new Response(new Uint8Array(Number(searchParams.get('n'))));
      case '/cut': return new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array(10)); }, pull() { throw new Error('cut'); } }));
      case '/env': return Response.json({ env, process: process.env.GREETING ?? null });
      case '/log': console.log('said', { a: 1 }); return new Response('ok');
      default: return new Response('?', { status: 404 });
    }
  },
  async event(event) { await sleep(Number(event.ms)); },
};`;

const defaultLimits: FunctionLimits = {
  timeMs: 5000,
  memoryBytes: LIMITS.functionMemoryBytesDefault.value,
  concurrency: 20,
  instances: 4,
  bodyBytes: 1 << 20,
  responseBytes: 1 << 24,
};

export const code = Buffer.from(CODE);
let functions = 0;

export function deploy(
  limits: Partial<FunctionLimits> = {},
  vars: Record<string, string> = {},
  handlers: readonly string[] = ['fetch'],
): { deployment: Deployment; fn: DeployedFunction } {
  const name = `f${functions++}`;
  const spec = {
    name,
    entry: 'a.ts',
    routes: [],
    sources: [],
    vars,
    grants: NO_GRANTS,
    limits: { ...defaultLimits, ...limits },
  };
  const fn = {
    spec,
    format: 'script',
    bundle: 'code',
    bundleBytes: code.byteLength,
    sourceMap: null,
    codeCache: null,
    handlers,
  } as const;
  const manifest = { name: 'app', hosts: [], auth: NO_AUTH, files: {}, functions: [spec] };
  return { fn, deployment: { id: 'd'.repeat(64), app: 'app', manifest, functions: [fn], createdAt: 0 } };
}

export interface Answer {
  status: number;
  headers: readonly string[];
  body: string;
  bytes: number;
  error: CordonError | null;
  instance: string | null;
}

export interface CallOptions extends Partial<ExchangeRequest> {
  readonly onExchange?: (exchange: Exchange) => void;
  readonly onDrain?: (exchange: Exchange) => void;
  readonly onData?: (exchange: Exchange, total: number) => void;
  readonly takes?: boolean;
}

/** Sends one request through a pool and collects the answer. */
export function callIn(
  pool: Pool,
  { deployment, fn }: { deployment: Deployment; fn: DeployedFunction },
  path: string,
  options: CallOptions = {},
): Promise<Answer> {
  return new Promise((resolve) => {
    const answer: Answer = { status: 0, headers: [], body: '', bytes: 0, error: null, instance: null };
    let exchange: Exchange | null = null;
    const take = (chunk: Uint8Array): void => {
      answer.bytes += chunk.byteLength;
      if (answer.bytes < 10_000) answer.body += Buffer.from(chunk).toString();
      const current = exchange;
      if (current === null) return;
      if (options.takes !== false) current.consumed(chunk.byteLength);
      options.onData?.(current, answer.bytes);
    };
    const sink: ResponseSink = {
      head(status, headers, body, last) {
        Object.assign(answer, { status, headers });
        if (body !== null) take(body);
        if (last) resolve(answer);
      },
      data: take,
      end: () => resolve(answer),
      message: () => undefined,
      closed: () => undefined,
      drain: () => exchange !== null && options.onDrain?.(exchange),
      failed(error) {
        answer.error = error;
        resolve(answer);
      },
      assigned(instance) {
        answer.instance = instance;
      },
    };
    const request: ExchangeRequest = {
      id: options.id ?? 'req_test',
      method: options.method ?? 'GET',
      url: `http://app.test${path}`,
      headers: options.headers ?? [],
      webSocket: false,
      body: options.body ?? null,
      streams: options.streams ?? false,
      ...(options.event === undefined ? {} : { event: options.event }),
      ...(options.alone === undefined ? {} : { alone: options.alone }),
    };
    exchange = pool.dispatch(deployment, fn, request, sink);
    options.onExchange?.(exchange);
  });
}

/** A pool of real sandboxes over the code above, and how to end it. */
export async function openTestPool(
  evidence: Evidence,
  options: Partial<PoolOptions> = {},
): Promise<{ readonly pool: Pool; close(): Promise<void> }> {
  const isolation = createBubblewrapIsolation({ harness: await buildHarness() });
  await isolation.prepare();
  const objects = {
    get: () => Promise.resolve(code),
    put: () => Promise.resolve('code'),
    has: () => Promise.resolve(true),
    delete: () => Promise.resolve(),
  };
  const pool = new Pool({ isolation, objects, evidence, size: 2, idleMs: 1000, ...options });
  await pool.open();
  return {
    pool,
    async close() {
      pool.close();
      await isolation.close();
    },
  };
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
