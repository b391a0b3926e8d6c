import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Home, ServerProcess } from '../../tools/server-process.ts';
import { Account, tell, type Balance, type Seen } from './account.ts';

const APP = join(import.meta.dirname, 'app');
const CALL_TIMEOUT_MS = 15_000;
const REST_PAUSE_MS = 50;
const LIST_MAX = 1_000;

const keySchema = z.object({ key: z.string() });
const credentialsSchema = z.object({ token: z.string() });
const seenSchema = z.object({ names: z.array(z.string()), cursor: z.string().nullable() });
const listSchema = z.object({
  events: z.array(z.object({ id: z.string(), state: z.enum(['waiting', 'dead']) })),
  next: z.string().nullable(),
});
const shownSchema = z.object({ event: z.looseObject({ id: z.string(), data: z.unknown() }) });
const lanesSchema = z.object({ lanes: z.array(z.object({ waiting: z.number(), dead: z.number() })) });
const queuedSchema = z.object({ id: z.string() });

/** What an event asks the code to do: see `app/behave.mjs`. */
export interface Behaviour {
  readonly mode?: 'poison' | 'spin' | 'slow' | 'memory';
  readonly ms?: number;
}

/** A server with the fault app, and the account of all events that were offered to it. */
export class Stand {
  readonly home: Home;
  readonly account = new Account();
  server: ServerProcess;
  readonly #key: string;
  readonly #token: string;
  #count = 0;

  private constructor(home: Home, server: ServerProcess, key: string, token: string) {
    this.home = home;
    this.server = server;
    this.#key = key;
    this.#token = token;
  }

  static async open(): Promise<Stand> {
    const home = await Home.create();
    const server = await ServerProcess.start(home);
    try {
      await home.json('deploy', APP);
      const [made] = await home.json(
        'key',
        'create',
        '--app',
        'ledger',
        '--auth',
        'producers',
        '--name',
        'test',
      );
      const file = await readFile(join(home.folder, 'config/cordon/credentials.json'), 'utf8');
      const { token } = credentialsSchema.parse(JSON.parse(file));
      return new Stand(home, server, keySchema.parse(made).key, token);
    } catch (thrown) {
      await server.kill();
      await home.remove();
      throw thrown;
    }
  }

  async close(): Promise<void> {
    await this.server.kill();
    await this.home.remove();
  }

  async restart(): Promise<void> {
    this.server = await ServerProcess.start(this.home);
  }

  newId(): string {
    this.#count += 1;
    return `n${this.#count}`;
  }

  /** Offers events to a route that delivers them; true when they were acknowledged. */
  async post(target: 'taker' | 'other', ids: readonly string[], behaviour: Behaviour = {}): Promise<boolean> {
    for (const id of ids) this.account.offer(id, target);
    const events = ids.map((id) => ({
      specversion: '1.0',
      id,
      source: '/fault',
      type: 'fault.event',
      datacontenttype: 'application/json',
      data: { id, ...behaviour },
    }));
    const response = await this.#offer(target === 'taker' ? '/take' : '/other', JSON.stringify(events), {
      'content-type': 'application/cloudevents-batch+json',
      authorization: `Bearer ${this.#key}`,
    });
    return this.#settle(ids, response);
  }

  /** Has a function send messages to the queue of `worker`. */
  async send(ids: readonly string[], behaviour: Behaviour = {}): Promise<boolean> {
    for (const id of ids) this.account.offer(id, 'worker');
    const body = JSON.stringify(ids.map((id) => ({ id, ...behaviour })));
    return this.#settle(ids, await this.#offer('/send', body, { 'content-type': 'application/json' }));
  }

  /** Waits until nothing waits in the log, and tells what there is to see. */
  async atRest(waitMs: number): Promise<Balance> {
    const deadline = Date.now() + waitMs;
    for (;;) {
      const { lanes } = lanesSchema.parse(await this.#control('/v1/event-lanes'));
      if (lanes.every(({ waiting }) => waiting === 0) || Date.now() > deadline) break;
      await new Promise((resolve) => setTimeout(resolve, REST_PAUSE_MS));
    }
    return this.account.balance(await this.#seen());
  }

  /** Prints the account. */
  print(title: string, balance: Balance): void {
    console.log(tell(title, balance));
  }

  async control(path: string, body: unknown): Promise<unknown> {
    return this.#control(path, body);
  }

  async #offer(
    path: string,
    body: string,
    headers: Record<string, string>,
  ): Promise<'acknowledged' | 'refused' | 'cut off'> {
    try {
      const response = await fetch(this.server.gatewayUrl + path, {
        method: 'POST',
        headers,
        body,
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      });
      await response.text();
      if (response.ok) return 'acknowledged';
      // A function that failed may have sent before.
      return response.status === 429 || response.status === 413 || response.status === 503
        ? 'refused'
        : 'cut off';
    } catch {
      return 'cut off';
    }
  }

  #settle(ids: readonly string[], outcome: 'acknowledged' | 'refused' | 'cut off'): boolean {
    for (const id of ids) this.account.settle(id, outcome);
    return outcome === 'acknowledged';
  }

  async #seen(): Promise<Seen> {
    const delivered = new Map<string, Map<string, number>>();
    for (let cursor: string | null = ''; cursor !== null;) {
      const query: string = cursor === '' ? '' : `?cursor=${encodeURIComponent(cursor)}`;
      const response = await fetch(`${this.server.gatewayUrl}/seen${query}`);
      const page = seenSchema.parse(await response.json());
      for (const name of page.names) {
        const [id = '', fn = ''] = name.split(' ');
        const runs = delivered.get(id) ?? new Map<string, number>();
        runs.set(fn, (runs.get(fn) ?? 0) + 1);
        delivered.set(id, runs);
      }
      cursor = page.cursor;
    }
    const dead = new Set<string>();
    const waiting = new Set<string>();
    for (let after = ''; ;) {
      const query = after === '' ? '' : `&after=${encodeURIComponent(after)}`;
      const page = listSchema.parse(await this.#control(`/v1/events?limit=${LIST_MAX}${query}`));
      for (const { id, state } of page.events) {
        (state === 'dead' ? dead : waiting).add(await this.#producerId(id));
      }
      if (page.next === null) break;
      after = page.next;
    }
    return { delivered, dead, waiting };
  }

  /** The id that the producer gave: that of the CloudEvent, or of the message within. */
  async #producerId(id: string): Promise<string> {
    const { event } = shownSchema.parse(await this.#control(`/v1/events/${id}`));
    const message = queuedSchema.safeParse(event.data);
    return message.success ? message.data.id : event.id;
  }

  async #control(path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(this.server.controlUrl + path, {
      method: body === undefined ? 'GET' : 'POST',
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }
}
