import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import type { Answer, Stage } from './stage.ts';

const CHUNK_PAUSE_MS = 5;

const outcomeSchema = z.object({
  value: z.unknown().optional(),
  error: z.string().optional(),
  message: z.string().optional(),
});
const sentSchema = z.object({
  handle: z.string(),
  outcomes: z.array(
    z.object({
      status: z.number().optional(),
      url: z.string().default(''),
      headers: z.string().default(''),
      text: z.string().default(''),
      error: z.string().default(''),
      message: z.string().default(''),
    }),
  ),
});

export type Outcome = z.output<typeof outcomeSchema>;
export type Sent = z.output<typeof sentSchema>;
/** A request for the function `egress` to send; `$HANDLE` in it becomes what the function holds of its secret. With a mark it logs the answer. */
export type Asked = RequestInit & { readonly url: string; readonly mark?: string };

/** A request as a service received it. */
export interface Hit {
  readonly method: string;
  readonly url: string;
  readonly headers: string;
}

/** A service on this machine that functions send requests to. */
export class Upstream {
  readonly hits: Hit[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(host: string): Promise<Upstream> {
    const upstream = new Upstream(
      createServer((request, response) => {
        upstream.hits.push({
          method: request.method ?? '',
          url: request.url ?? '',
          headers: request.rawHeaders.join('\n'),
        });
        request.resume();
        void answer(request, response);
      }),
    );
    await new Promise<void>((resolve) => upstream.#server.listen(0, host, resolve));
    upstream.#server.unref();
    return upstream;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }
}

/** Ways to tell a caller its own credentials. */
export const REFLECTIONS = ['plain', 'base64', 'url', 'json', 'hex', 'split', 'header', 'basic'] as const;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://h');
  const to = url.searchParams.get('to');
  if (url.pathname === '/redirect' && to !== null) {
    const own = String(request.headers['x-granted-key']).slice('Key '.length);
    response.writeHead(Number(url.searchParams.get('status') ?? 302), {
      location: to.replace('{own}', () => encodeURIComponent(own)),
    });
    response.end();
    return;
  }
  if (url.pathname !== '/reflect') {
    response.end(JSON.stringify({ path: request.url, headers: request.rawHeaders }));
    return;
  }
  const key = String(request.headers['x-granted-key']).slice('Key '.length);
  const forms: Readonly<Record<string, string>> = {
    plain: `you sent ${key} twice: ${key}`,
    base64: Buffer.from(`bearer:${key}:x`).toString('base64'),
    url: encodeURIComponent(key),
    json: JSON.stringify({ key }),
    hex: Buffer.from(key).toString('hex'),
    split: `before ${key} after`,
    header: 'see the header',
    basic: `Basic ${Buffer.from(`user:${key}`).toString('base64')}`,
  };
  const how = url.searchParams.get('how') ?? 'plain';
  const text = forms[how] ?? '';
  if (how === 'header') response.setHeader('x-echo', key);
  if (how !== 'split') {
    response.end(text);
    return;
  }
  for (const character of text) {
    response.write(character);
    await new Promise((resolve) => setTimeout(resolve, CHUNK_PAUSE_MS));
  }
  response.end();
}

/** The app that has what others want: stores, secrets and grants to services of this machine. */
export class Keeper {
  /** Granted, and given the secret. */
  readonly allowed: Upstream;
  /** Granted, without the secret. */
  readonly other: Upstream;
  /** Not granted, or not as a private address. */
  readonly trap: Upstream;
  /** Value of the secret that code holds a handle of. JSON, URLs and base64 each spell it in their own way. */
  readonly key = `attack/key+"${crypto.randomUUID()}"&é`;
  /** Value of the secret that is revealed to code. */
  readonly spoken = `spoken/"secret"\\n+${crypto.randomUUID()}=?`;
  /** The same, of letters and digits alone: it fits into a name. */
  readonly plain = `plain${crypto.randomUUID().replaceAll('-', '')}`;
  readonly #stage: Stage;

  private constructor(stage: Stage, [allowed, other, trap]: readonly [Upstream, Upstream, Upstream]) {
    this.#stage = stage;
    this.allowed = allowed;
    this.other = other;
    this.trap = trap;
  }

  /** Deploys it, once for each stage. */
  static of(stage: Stage): Promise<Keeper> {
    let keeper = keepers.get(stage);
    if (keeper === undefined) keepers.set(stage, (keeper = Keeper.#open(stage)));
    return keeper;
  }

  static async #open(stage: Stage): Promise<Keeper> {
    const upstreams = [
      await Upstream.open('127.0.0.1'),
      await Upstream.open('127.0.0.1'),
      await Upstream.open('0.0.0.0'),
    ] as const;
    const keeper = new Keeper(stage, upstreams);
    for (const [name, value] of [
      ['ATTACK_KEY', keeper.key],
      ['ATTACK_SPOKEN', keeper.spoken],
      ['ATTACK_PLAIN', keeper.plain],
    ] as const)
      await stage.setSecret(name, value);
    await stage.deployApp('keeper', {
      allowed: String(keeper.allowed.port),
      other: String(keeper.other.port),
      trap: String(keeper.trap.port),
      control: stage.controlPort,
    });
    return keeper;
  }

  /** Runs operations on the bindings of `stores`: `[binding, method, …arguments]` each. */
  async stores(...operations: readonly (readonly unknown[])[]): Promise<Outcome[]> {
    return outcomesOf(this.#stage, '/keeper/stores', operations);
  }

  /** Lets `talker` say its secrets in lines with a mark; with `throws` it ends with an error that holds one. */
  async talk(mark: string, throws: boolean): Promise<number> {
    const headers = { 'x-mark': mark, ...(throws ? { 'x-throw': 'yes' } : {}) };
    return (await this.#stage.call('/keeper/talker', { headers })).status;
  }

  /** Ends the instance of `talker`, which says a secret with its last words. */
  async silence(mark: string): Promise<void> {
    await this.#stage.outcome('/keeper/talker', { headers: { 'x-mark': mark, 'x-exit': 'yes' } });
  }

  /** Asks the function that fails while it loads. */
  broken(): Promise<Answer> {
    return this.#stage.call('/keeper/broken');
  }

  /** Ends the instance of `egress`: what is recorded of one instance is bounded. */
  async restart(): Promise<void> {
    await this.#stage.outcome('/keeper/egress', { method: 'POST', body: 'null' });
  }

  /** Sends requests from `egress`. */
  async send(...asked: readonly Asked[]): Promise<Sent> {
    const { status, text } = await this.#stage.call('/keeper/egress', {
      method: 'POST',
      body: JSON.stringify(asked),
    });
    if (status !== 200) throw new Error(`egress answers ${status} ${text}`);
    return sentSchema.parse(JSON.parse(text));
  }
}

const keepers = new WeakMap<Stage, Promise<Keeper>>();

/** Posts a list of operations to a function and reads what came of each. */
export async function outcomesOf(
  stage: Stage,
  path: string,
  operations: readonly (readonly unknown[])[],
): Promise<Outcome[]> {
  const { status, text } = await stage.call(path, { method: 'POST', body: JSON.stringify(operations) });
  if (status !== 200) throw new Error(`${path} answers ${status} ${text}`);
  return z.array(outcomeSchema).parse(JSON.parse(text));
}

/** Has a function write calls by hand, past the harness, and ends its instance, whose channel is of no use after that. */
export async function forge(
  stage: Stage,
  path: string,
  calls: readonly (readonly unknown[])[],
): Promise<Outcome[]> {
  const outcomes = await outcomesOf(stage, `${path}/forge`, calls);
  await stage.outcome(`${path}/exit`, { method: 'POST', body: '[]' });
  return outcomes;
}
