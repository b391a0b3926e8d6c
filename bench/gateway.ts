import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { SignJWT } from 'jose';
import { CordonServer } from './cordon-server.ts';
import { CORDON, type Measurement, type Result } from './measurement.ts';
import { processTree } from './processes.ts';
import { caddyProxy, nginxProxy } from './proxies.ts';
import { fromRounds, median, quantile } from './statistics.ts';
import { denoHello, startPeer } from './subject.ts';
import type { Workplace } from './workplace.ts';

/** The subject that each guarded route is compared with: the same function on a route that asks for nothing. */
export const PUBLIC_ROUTE = 'the same route, public';
export const ALL_TOGETHER = 'all together, JWT cached';
const CONNECTIONS = 32;
/** Of those connections, for HTTP/2. */
const STREAMS = 8;
const POLICIES = 100;
const COLD_TOKENS = 3000;
const WARM_MS = 800;
const SERVER_WARM_MS = 8000;
const BODY = {
  type: 'application/json',
  text: JSON.stringify({ item: 'book', quantity: 2, note: 'x'.repeat(60) }),
};
const ISSUER_ALGORITHM = 'EdDSA';

const SOURCE = `export default { fetch: async (request) => new Response(String((await request.text()).length)) };\n`;
const SCHEMA = {
  type: 'object',
  properties: {
    item: { type: 'string', maxLength: 100 },
    quantity: { type: 'integer', minimum: 1, maximum: 1000 },
    note: { type: 'string', maxLength: 1000 },
  },
  required: ['item', 'quantity'],
  additionalProperties: false,
};

/** Name of a measurement, for the budgets. */
export function guardedName(variant: string, what: string): string {
  return `${variant}: ${what}`;
}

interface Variant {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly variants?: () => Promise<readonly Readonly<Record<string, string>>[]>;
  readonly tls?: boolean;
  /** Of one session of HTTP/2; default HTTP/1.1. */
  readonly streams?: number;
  readonly front: () => readonly number[];
}

interface Round {
  readonly throughput: number;
  readonly latencies: Float64Array;
  readonly cpuMicros: number;
}

/**
 * What each stage of the gateway costs: a function of one line on a route that asks for one thing, beside the
 * same function on a public route. Rounds alternate, so that what the machine does meanwhile meets both alike.
 */
export const gateway: Measurement = {
  name: 'gateway',
  about: 'guarded routes against the same route made public',
  async run(place) {
    const issuer = await Issuer.start();
    place.defer(() => issuer.close());
    const plain = await startGuarded(place, issuer, []);
    const secure = await startGuarded(place, issuer, ['--tls']);
    const key = await plain.apiKey();
    const token = await issuer.token('ana', 0);
    const bearer = { authorization: `Bearer ${token}` };
    const cold = async () =>
      Promise.all(
        Array.from({ length: place.pick(COLD_TOKENS, 300) }, async (_, index) => ({
          authorization: `Bearer ${await issuer.token('ana', index + 1 + issuer.signed)}`,
        })),
      );
    const front = () => [plain.server.pid];
    const on = { port: plain.server.port, front };
    const onTls = { port: secure.server.port, front: () => [secure.server.pid], tls: true };
    const open: Variant = { name: PUBLIC_ROUTE, path: '/guarded/public', ...on };
    const variants: Variant[] = [
      { name: 'JWT, cached verdict', path: '/guarded/jwt', headers: bearer, ...on },
      { name: 'JWT, cold', path: '/guarded/jwt', variants: cold, ...on },
      { name: 'API key', path: '/guarded/key', headers: { 'x-api-key': key }, ...on },
      { name: `Cedar, ${POLICIES} policies`, path: '/guarded/cedar', ...on },
      { name: 'rate limit', path: '/guarded/rate', ...on },
      { name: 'body schema', path: '/guarded/schema', ...on },
      { name: ALL_TOGETHER, path: '/guarded/all', headers: bearer, ...on },
      { name: 'TLS 1.3, HTTP/1.1', path: '/guarded/public', ...onTls },
      {
        name: `TLS 1.3, HTTP/2, ${STREAMS} streams a session`,
        path: '/guarded/public',
        ...onTls,
        streams: STREAMS,
      },
      { name: `${ALL_TOGETHER}, TLS`, path: '/guarded/all', headers: bearer, ...onTls },
      ...(await proxies(place)),
    ];
    const openTls: Variant = { name: PUBLIC_ROUTE, path: '/guarded/public', ...onTls };
    return measure(place, [open, openTls], open, variants);
  },
};

async function proxies(place: Workplace): Promise<Variant[]> {
  const socket = join(await place.newFolder('deno'), 'socket');
  const deno = await startPeer(denoHello(socket));
  place.defer(() => deno.stop());
  const started: Variant[] = [];
  for (const [name, launch] of [
    ['nginx with limit_req, before a Deno server', await nginxProxy(place, socket)],
    ['Caddy, before a Deno server', await caddyProxy(place, socket)],
  ] as const) {
    if (launch === null) continue;
    const peer = await startPeer(launch);
    place.defer(() => peer.stop());
    started.push({ name, port: peer.port, path: '/small', front: () => processTree(peer.pid) });
  }
  return started;
}

/** `warmed`: a route of each server that is measured. */
async function measure(
  place: Workplace,
  warmed: readonly Variant[],
  open: Variant,
  variants: readonly Variant[],
): Promise<Result[]> {
  const rounds = new Map<Variant, { own: Round[]; open: Round[] }>(
    variants.map((variant) => [variant, { own: [], open: [] }]),
  );
  // Each process of ours compiles as it learns what is hot: all of them have to have learnt the same.
  for (const server of warmed) await runRound(place, server, place.pick(SERVER_WARM_MS, 1000));
  for (const variant of [open, ...variants]) {
    if (variant.variants === undefined) await runRound(place, variant, place.pick(WARM_MS, 200));
  }
  for (let round = 0; round < place.pick(3, 1); round += 1) {
    for (const [variant, done] of rounds) {
      done.open.push(await runRound(place, open, place.pick(1000, 200)));
      done.own.push(await runRound(place, variant, place.pick(1000, 200)));
    }
  }
  return [...rounds].flatMap(([variant, done]) => [
    ...resultsOf(variant.name, CORDON, done.own),
    ...resultsOf(variant.name, PUBLIC_ROUTE, done.open),
  ]);
}

function resultsOf(variant: string, subject: string, rounds: readonly Round[]): Result[] {
  const of = (pick: (round: Round) => number): number[] => rounds.map(pick);
  const named = (what: string): string => guardedName(variant, what);
  return [
    fromRounds(
      { name: named('CPU of the front'), unit: 'µs', subject },
      of(({ cpuMicros }) => cpuMicros),
    ),
    fromRounds(
      { name: named('throughput'), unit: 'requests/s', subject },
      of(({ throughput }) => throughput),
    ),
    {
      name: named('latency'),
      unit: 'ms',
      subject,
      median: median(of(({ latencies }) => median(latencies))),
      p90: median(of(({ latencies }) => quantile(latencies, 0.9))),
      p99: median(of(({ latencies }) => quantile(latencies, 0.99))),
      runs: rounds.length,
    },
  ];
}

async function runRound(place: Workplace, variant: Variant, durationMs: number): Promise<Round> {
  const { port, path, headers = {}, tls = false, streams } = variant;
  const variants = await variant.variants?.();
  const { requests, seconds, latencies, cpuMicros } = await place.load.run({
    method: 'POST',
    bodyBytes: 0,
    body: BODY,
    connections: CONNECTIONS,
    port,
    path,
    headers,
    tls,
    ...(streams === undefined ? {} : { streamsPerSession: streams }),
    pids: variant.front(),
    durationMs: variants === undefined ? durationMs : 60_000,
    ...(variants === undefined ? {} : { variants: variants.map((fields) => ({ headers: fields })) }),
  });
  return { throughput: requests / seconds, latencies, cpuMicros: cpuMicros / requests };
}

/** An issuer of tokens on loopback. */
class Issuer {
  readonly url: string;
  readonly #server: Server;
  readonly #pair = generateKeyPairSync('ed25519');
  signed = 0;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const keys = [{ ...this.#pair.publicKey.export({ format: 'jwk' }), kid: 'one', alg: ISSUER_ALGORITHM }];
    server.on('request', (_request, response) => response.end(JSON.stringify({ keys })));
  }

  static async start(): Promise<Issuer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Issuer(server);
  }

  /** A token that is like no other of another `serial`. */
  token(subject: string, serial: number): Promise<string> {
    this.signed += 1;
    return new SignJWT({ serial })
      .setProtectedHeader({ alg: ISSUER_ALGORITHM, kid: 'one' })
      .setIssuer(this.url)
      .setAudience('bench')
      .setSubject(subject)
      .setExpirationTime('1h')
      .sign(this.#pair.privateKey);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

interface Guarded {
  readonly server: CordonServer;
  apiKey(): Promise<string>;
}

async function startGuarded(place: Workplace, issuer: Issuer, args: readonly string[]): Promise<Guarded> {
  const server = await CordonServer.start(place, { args });
  const folder = await place.newFolder('guarded');
  const files: Record<string, string> = {
    'main.js': SOURCE,
    'body.json': JSON.stringify(SCHEMA),
    'anyone.cedar': policies('Anonymous'),
    'users.cedar': policies('User'),
    'cordon.jsonc': JSON.stringify(manifestFor(issuer.url)),
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  await server.home.json('deploy', folder);
  return {
    server,
    async apiKey() {
      const [made] = await server.home.json(
        ...['key', 'create', '--app', 'guarded', '--auth', 'keys', '--name', 'bench'],
      );
      return (made as { readonly key: string }).key;
    },
  };
}

/** One policy that lets the caller in behind many that do not apply to it. */
function policies(principal: string): string {
  const others = Array.from(
    { length: POLICIES - 1 },
    (_, index) =>
      `permit (principal is ${principal}, action, resource) when { context.path == "/other/${index}" };`,
  );
  return [...others, `permit (principal is ${principal}, action, resource);`].join('\n');
}

function manifestFor(issuer: string): object {
  const jwt = { jwt: 'users' };
  const rate = '900000000/s per address';
  const route = (path: string, more: object): object => ({
    path: `/guarded/${path}`,
    methods: ['POST'],
    auth: 'public',
    ...more,
  });
  return {
    name: 'guarded',
    auth: {
      jwt: { users: { issuer, audience: 'bench', jwks: `${issuer}/keys`, unsafePrivate: true } },
      apiKey: { keys: {} },
    },
    functions: {
      main: {
        entry: 'main.js',
        routes: [
          route('public', {}),
          route('jwt', { auth: jwt }),
          route('key', { auth: { apiKey: 'keys' } }),
          route('cedar', { allow: 'anyone.cedar' }),
          route('rate', { rate }),
          route('schema', { body: 'body.json' }),
          route('all', {
            auth: jwt,
            allow: 'users.cedar',
            rate: [rate, '900000000/s per subject'],
            body: 'body.json',
          }),
        ],
        limits: { concurrency: 64, instances: 1 },
      },
    },
  };
}
