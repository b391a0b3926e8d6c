import { build } from 'esbuild';
import { builtinModules } from 'node:module';
import { Broker, Meter } from '../../src/broker/index.ts';
import {
  SecretHandles,
  createConnectCapability,
  createFetchCapability,
  createRedactor,
  createSecretCapability,
  secretVariables,
} from '../../src/capability/index.ts';
import type { CallerContext, FetchOptions } from '../../src/capability/index.ts';
import { LIMITS } from '../../src/contract/index.ts';
import type { Evidence, SecurityEvent } from '../../src/evidence/index.ts';
import { Instance } from '../../src/instance/index.ts';
import type { Exchange } from '../../src/instance/index.ts';
import { NO_GRANTS } from '../../src/manifest/index.ts';
import type { Grants } from '../../src/manifest/index.ts';
import { buildHarness, createBubblewrapIsolation } from '../../src/sandbox/index.ts';
import type { Isolation } from '../../src/sandbox/index.ts';

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface Guest {
  /** Sends a request to the function. */
  ask(path: string): Promise<Answer>;
  readonly events: Omit<SecurityEvent, 'time'>[];
  close(): Promise<void>;
}

export interface GuestOptions extends Pick<FetchOptions, 'ca' | 'resolver'> {
  readonly code: string;
  readonly grants: Partial<Grants>;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly vars?: Readonly<Record<string, string>>;
}

/** A real sandbox that runs the code, with a broker that serves `fetch`, `connect` and `secret`. */
export async function openGuest(options: GuestOptions): Promise<Guest> {
  const bundle = await bundled(options.code);
  const grants = { ...NO_GRANTS, ...options.grants };
  const events: Omit<SecurityEvent, 'time'>[] = [];
  const evidence = recordingEvidence(events);
  const secrets = { get: (_: string, name: string) => Promise.resolve(options.secrets?.[name] ?? null) };
  const handles = new SecretHandles();
  const { ca, resolver } = options;
  const more = resolver === undefined ? {} : { resolver };
  const fetch = createFetchCapability({
    secrets,
    evidence,
    handles,
    ...more,
    ...(ca === undefined ? {} : { ca }),
  });
  const capabilities = [
    fetch,
    createConnectCapability({ evidence, ...more }),
    createSecretCapability({ secrets, evidence }),
  ];
  const broker = new Broker({ capabilities, evidence, meter: new Meter() });
  const isolation = createBubblewrapIsolation({ harness: await buildHarness() });
  await isolation.prepare();
  const instance = await start(isolation);
  const context: CallerContext = {
    project: 'default',
    app: 'app',
    function: 'code',
    deployment: 'd'.repeat(64),
    instance: instance.id,
    grants,
  };
  instance.serveCalls(broker.opener(context, createRedactor(Object.values(options.secrets ?? {}))));
  const { answer } = await instance.assign({
    name: 'app/code',
    format: 'script',
    vars: { ...options.vars, ...(await secretVariables(context, grants, handles, secrets)) },
    bundle,
    codeCache: null,
    memoryBytes: LIMITS.functionMemoryBytesDefault.value,
  });
  if (answer.failure !== null) throw new Error(answer.failure.error.stack);
  return {
    ask: (path) => ask(instance, path),
    events,
    async close() {
      instance.kill();
      await fetch.close();
      await isolation.close();
    },
  };
}

async function start(isolation: Isolation): Promise<Instance> {
  const instance = await Instance.start(isolation, {
    memoryBytesMax: LIMITS.functionMemoryBytesDefault.value,
    cpuCoresMax: 1,
    pidsMax: LIMITS.instancePidsMax.value,
  });
  await instance.ready;
  instance.observe({
    log: (_level, message) => void (process.env['SHOW_LOGS'] !== undefined && console.error(message)),
    available: () => undefined,
    violated: (reason) => console.error(`violated: ${reason}`),
    timedOut: () => undefined,
    threw: () => undefined,
    denied: (what) => console.error(`denied: ${what}`),
    gone: ({ reason, stderr }) => void (reason !== 'killed' && console.error(`gone: ${reason} ${stderr}`)),
  });
  return instance;
}

function ask(instance: Instance, path: string): Promise<Answer> {
  return new Promise((resolve) => {
    let status = 0;
    let exchange: Exchange | null = null;
    const pieces: Uint8Array[] = [];
    const take = (chunk: Uint8Array): void => {
      pieces.push(chunk);
      exchange?.consumed(chunk.byteLength);
    };
    const done = (): void => resolve({ status, text: Buffer.concat(pieces).toString() });
    exchange = instance.run(
      {
        id: 'req_test',
        method: 'GET',
        url: `http://app.test${path}`,
        headers: [],
        webSocket: false,
        body: null,
        streams: false,
      },
      {
        head(code, _headers, body, last) {
          status = code;
          if (body !== null) take(body);
          if (last) done();
        },
        data: take,
        end: done,
        message: () => undefined,
        closed: () => undefined,
        drain: () => undefined,
        failed: (error) => resolve({ status: error.status, text: `${error.code}: ${error.message}` }),
      },
      { timeMs: 30_000, responseBytes: 64 * 1024 * 1024 },
    );
  });
}

/** As functions are bundled: builtins stay outside, packages come from this repository. */
async function bundled(contents: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname, loader: 'js' },
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['worker', 'deno', 'module'],
    target: 'esnext',
    supported: { 'dynamic-import': false },
    external: builtinModules.flatMap((name) => [name, `node:${name.replace(/^node:/, '')}`]),
    define: { 'process.env.NODE_ENV': '"production"', 'import.meta.url': '"file:///function.js"' },
    logLevel: 'silent',
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error('The code was bundled to nothing.');
  return file.contents;
}

function recordingEvidence(events: Omit<SecurityEvent, 'time'>[]): Evidence {
  return {
    log(line) {
      if (process.env['SHOW_LOGS'] !== undefined) console.error(line.message);
    },
    record: (event) => void events.push(event),
    logs: () => Promise.resolve([]),
    events: () => Promise.resolve([]),
    follow: () => () => undefined,
    flush: () => Promise.resolve(),
  };
}
