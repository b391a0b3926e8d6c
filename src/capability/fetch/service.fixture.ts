import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { FetchGrant } from '../../manifest/index.ts';
import { SecretHandles } from '../secret/index.ts';
import { callFetchCapability, contextWith, recordingEvidence } from './fetch.fixture.ts';
import type { CallOptions, Outcome } from './fetch.fixture.ts';
import { createFetchCapability } from './index.ts';

export const MIB = 1024 * 1024;

export interface Seen {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  readonly keyHash: string;
  readonly queryHash: string;
  readonly authorizationHash: string;
}

export function pick({ method, body }: Seen): [string, string] {
  return [method, body];
}

/** Tells whether a secret arrived, in a form that is not taken out on the way back. */
export function hash(text: string): string {
  let sum = 0;
  for (const character of text) sum = (sum * 31 + character.charCodeAt(0)) % 1_000_000_007;
  return `h${sum}`;
}

export function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export async function listen<T extends Server>(server: T): Promise<T> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return server;
}

export function answer(request: IncomingMessage, response: ServerResponse, foreign: string): void {
  const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s);
  const key = String(request.headers['x-key'] ?? '');
  const redirect = (status: number, location: string): void =>
    void response.writeHead(status, { location }).end('moved');
  switch (path) {
    case '/to':
      return redirect(302, query);
    case '/away':
      return redirect(307, `${foreign}/see`);
    case '/leak':
      return redirect(307, `${foreign}/mirror-query?${encodeURIComponent(key)}`);
    case '/mirror-query':
      response.setHeader('x-echo', query).end(decodeURIComponent(query));
      return;
    case '/header':
      response.setHeader('x-echo', key).end('ok');
      return;
    case '/status':
      return redirect(Number(query), '/see');
    case '/endless':
      return redirect(302, '/endless');
    case '/count':
      return redirect(302, query === '1' ? '/see' : `/count?${Number(query) - 1}`);
    case '/hang':
      return;
    case '/stall':
      response.writeHead(200).write('some');
      return;
    case '/wait':
      setTimeout(() => response.end('ok'), 100);
      return;
    case '/pipe':
      request.pipe(response);
      return;
    case '/gzip':
      response
        .writeHead(200, { 'content-encoding': 'gzip' })
        .end(gzipSync(Buffer.alloc(Number(query) * MIB)));
      return;
    case '/mirror':
      return mirror(query, key, response);
    default: {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () =>
        response.end(
          JSON.stringify({
            method: request.method,
            headers: request.headers,
            body: Buffer.concat(pieces).toString(),
            keyHash: hash(key),
            queryHash: hash(request.url ?? ''),
            authorizationHash: hash(request.headers.authorization ?? ''),
          }),
        ),
      );
    }
  }
}

/** Gives the key back in all ways, split where it hurts. */
function mirror(how: string, key: string, response: ServerResponse): void {
  response.setHeader('x-echo', key.replaceAll('"', "'") === key ? key : encodeURIComponent(key));
  const text = `plain ${key} json ${JSON.stringify(key)} url ${encodeURIComponent(key)} base64 ${Buffer.from(`u:${key}`).toString('base64')} end`;
  if (how === 'gzip') {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(text));
    return;
  }
  if (how !== 'slow') {
    response.end(text);
    return;
  }
  let at = 0;
  const next = (): void => {
    if (at >= text.length) response.end();
    else {
      response.write(text.slice(at, at + 7));
      at += 7;
      setImmediate(next);
    }
  };
  next();
}

/** The value of the secret API_KEY of a `FetchBench`. */
export const SECRET = 'sk-live/4242+"quoted"';

const SECRETS: Readonly<Record<string, string>> = { API_KEY: SECRET, ACCENTED_KEY: 'clé-secrète' };

/** The capability between a granted service and a foreign one, with a resolver and secrets of its own. */
export class FetchBench {
  readonly evidence = recordingEvidence();
  readonly handles = new SecretHandles();
  /** Addresses of names, for the resolver. */
  readonly names = new Map<string, readonly string[]>();
  /** How often the resolver was asked. */
  lookups = 0;
  origin = '';
  foreign = '';
  /** The granted service. */
  readonly server = createServer((request, response) => answer(request, response, this.foreign));
  readonly #other = createServer((request, response) => answer(request, response, ''));
  readonly capability = createFetchCapability({
    secrets: { get: (_, name) => Promise.resolve(SECRETS[name] ?? null) },
    evidence: this.evidence,
    handles: this.handles,
    resolver: {
      resolve: (name) => {
        this.lookups += 1;
        const addresses = this.names.get(name);
        return addresses === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(addresses);
      },
    },
    timeouts: { connectMs: 500, headersMs: 300, idleMs: 300 },
  });

  async open(): Promise<void> {
    this.foreign = originOf(await listen(this.#other));
    this.origin = originOf(await listen(this.server));
  }

  async close(): Promise<void> {
    await this.capability.close();
    this.server.close();
    this.#other.close();
  }

  readonly grant = (more: Partial<FetchGrant> = {}): FetchGrant => ({
    to: `${this.origin}/*`,
    methods: ['GET', 'POST', 'PUT', 'HEAD'],
    unsafePrivate: true,
    ...more,
  });

  readonly ask = (path: string, options: CallOptions = {}, grants = [this.grant()]): Promise<Outcome> => {
    const url = path.startsWith('http') ? path : this.origin + path;
    return callFetchCapability(this.capability, contextWith(grants), url, options);
  };

  /** What the service saw of a request. */
  readonly seen = async (path: string, options: CallOptions = {}, grants = [this.grant()]): Promise<Seen> => {
    const outcome = await this.ask(path, options, grants);
    assert.ifError(outcome.error);
    return JSON.parse(outcome.body.toString()) as Seen;
  };
}
