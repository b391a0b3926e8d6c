import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { z } from 'zod';
import { open, send, type Sent } from './caller.ts';
import { Clamd, hasClamd } from './clamd.ts';
import { outcomesOf, type Outcome } from './keeper.ts';
import { eventually } from './processes.ts';
import type { Verdict } from './row.ts';
import type { Answer, Stage } from './stage.ts';

const REST_WAIT_MS = 20_000;
const SHARED_SOURCES = ['narrow.js', 'frames.js', 'attempts.js'];
/** The buckets whose uploads are inspected, and the bindings through which a function sees them. */
const BINDINGS = { 'depot-pictures': 'PICTURES', 'depot-papers': 'PAPERS', 'depot-archives': 'ARCHIVES' };

const keySchema = z.object({ id: z.string(), secret: z.string() });
const apiKeySchema = z.object({ key: z.string() });
const noteSchema = z.object({
  name: z.string(),
  at: z.string(),
  by: z.string(),
  id: z.string(),
  type: z.string().optional(),
  subject: z.string().optional(),
  attempt: z.number().optional(),
  step: z.number().optional(),
});
const lanesSchema = z.object({
  lanes: z.array(z.object({ lane: z.string(), waiting: z.number(), dead: z.number() })),
});
const eventsSchema = z.object({
  events: z.array(
    z.object({ id: z.string(), lane: z.string(), attempts: z.number(), reason: z.string().nullable() }),
  ),
});
const rejectedSchema = z.object({
  objects: z.array(z.object({ bucket: z.string(), key: z.string(), reason: z.string(), size: z.number() })),
});

export type InspectedBucket = keyof typeof BINDINGS;
/** What a function wrote down of something that reached it. */
export type Note = z.output<typeof noteSchema>;
export type EventSeen = z.output<typeof eventsSchema>['events'][number];
export type RejectedSeen = z.output<typeof rejectedSchema>['objects'][number];

/** How an upload ended. */
export interface Uploaded {
  /** 200 where it was taken. */
  readonly status: number;
  /** Name of the error; empty where there is none. */
  readonly code: string;
}

/** The app that events are for: of uploads, of queues, of pipes and of routes. */
export class Depot {
  readonly #stage: Stage;
  readonly #client: S3Client;
  readonly #apiKey: string;
  #clamd: Clamd | null;

  private constructor(stage: Stage, client: S3Client, apiKey: string, clamd: Clamd | null) {
    this.#stage = stage;
    this.#client = client;
    this.#apiKey = apiKey;
    this.#clamd = clamd;
    stage.onClose(async () => this.#clamd?.stop());
  }

  /** Deploys it, once for each stage, and starts the scanner where there is one. */
  static of(stage: Stage): Promise<Depot> {
    let depot = depots.get(stage);
    if (depot === undefined) depots.set(stage, (depot = Depot.#open(stage)));
    return depot;
  }

  static async #open(stage: Stage): Promise<Depot> {
    const clamd = hasClamd() ? await Clamd.start(stage.home.folder) : null;
    const sources = SHARED_SOURCES.map(async (name) => {
      const file = join(import.meta.dirname, 'apps/attacker/src', name);
      return [`src/${name}`, await readFile(file, 'utf8')] as const;
    });
    await stage.deployApp('depot', {}, Object.fromEntries(await Promise.all(sources)));
    const client = await s3Client(stage, [...Object.keys(BINDINGS), 'depot-echo', 'depot-keys']);
    stage.onClose(async () => client.destroy());
    const made = await stage.control('POST', '/v1/api-keys', {
      app: 'depot',
      auth: 'partners',
      name: 'attack',
    });
    return new Depot(stage, client, apiKeySchema.parse(JSON.parse(made.text)).key, clamd);
  }

  /** The key of a partner, for what an attacker changes of it. */
  get apiKey(): string {
    return this.#apiKey;
  }

  /** Ends the scanner while something is done. */
  async withoutScanner(action: () => Promise<void>): Promise<void> {
    await this.#clamd?.stop();
    try {
      await action();
    } finally {
      this.#clamd = await Clamd.start(this.#stage.home.folder);
    }
  }

  // ── objects ──

  /** The client of S3, for what no method here does. */
  get client(): S3Client {
    return this.#client;
  }

  /** Uploads by the S3 endpoint. Throws for what is no answer. */
  async put(bucket: string, key: string, body: Uint8Array | string, contentType?: string): Promise<Uploaded> {
    const bytes = Buffer.from(body);
    const input = { Bucket: bucket, Key: key, Body: bytes, ContentLength: bytes.byteLength };
    const command = new PutObjectCommand(
      contentType === undefined ? input : { ...input, ContentType: contentType },
    );
    return this.#client.send(command).then(() => ({ status: 200, code: '' }), failed);
  }

  /** The text of an object by the S3 endpoint; null where it is not to be had. */
  async get(bucket: string, key: string): Promise<string | null> {
    const command = new GetObjectCommand({ Bucket: bucket, Key: key });
    const answer = await this.#client.send(command).catch((thrown: unknown) => void failed(thrown));
    return (await answer?.Body?.transformToString()) ?? null;
  }

  /** Keys of a bucket by the S3 endpoint. */
  async list(bucket: string): Promise<string[]> {
    const { Contents = [] } = await this.#client.send(new ListObjectsV2Command({ Bucket: bucket }));
    return Contents.map(({ Key = '' }) => Key);
  }

  /** Whether an object can be seen: by the endpoint or by a function, with a get or in a list. */
  async isVisible(bucket: InspectedBucket, key: string): Promise<boolean> {
    const binding = BINDINGS[bucket];
    const [got, listed] = await this.do([binding, 'get', key], [binding, 'list', { prefix: key }]);
    const keys = z.object({ objects: z.array(z.object({ key: z.string() })) }).parse(listed?.value).objects;
    const byFunction = got?.error !== undefined || got?.value !== null || keys.some((one) => one.key === key);
    return byFunction || (await this.get(bucket, key)) !== null || (await this.list(bucket)).includes(key);
  }

  /** Deletes all objects of a bucket, by the S3 endpoint. */
  async clear(bucket: string): Promise<void> {
    for (const Key of await this.list(bucket))
      await this.#client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
  }

  async rejected(): Promise<RejectedSeen[]> {
    const { text } = await this.#stage.control('GET', '/v1/rejected-objects?limit=1000');
    return rejectedSchema.parse(JSON.parse(text)).objects;
  }

  // ── events ──

  /** Runs operations on the bindings of `desk`: `[binding, method, …arguments]` each. */
  do(...operations: readonly (readonly unknown[])[]): Promise<Outcome[]> {
    return outcomesOf(this.#stage, '/depot/desk', operations);
  }

  /** Sends a message to a queue. Throws when it is refused. */
  async queue(binding: string, body: unknown, options: object = {}): Promise<void> {
    const [sent] = await this.do([binding, 'send', body, options]);
    if (sent?.error !== undefined) throw new Error(`cannot send: ${sent.error} ${sent.message}`);
  }

  /** Sends a request whose answer does not end, and leaves it open. */
  async hold(path: string): Promise<IncomingMessage> {
    return (await open(this.#stage.gateway, path)).resume();
  }

  /** Posts to a route, with the key of a partner unless the fields say otherwise. */
  post(path: string, { headers, ...sent }: Sent): Promise<Answer> {
    const fields = { authorization: `Bearer ${this.#apiKey}`, ...headers };
    return send(this.#stage.gateway, path, { method: 'POST', ...sent, headers: fields });
  }

  /** What reached the functions so far. */
  async notes(): Promise<Note[]> {
    const { status, text } = await this.#stage.call('/depot/seen');
    if (status !== 200) throw new Error(`the depot does not answer: ${status} ${text}`);
    return z.array(noteSchema).parse(JSON.parse(text));
  }

  /** What reached the functions while something was done, and all that followed from it. */
  async notesOf(action: () => Promise<unknown>): Promise<Note[]> {
    const before = new Set((await this.notes()).map(({ name }) => name));
    await action();
    await this.rest();
    return (await this.notes()).filter(({ name }) => !before.has(name));
  }

  /** Does what may set off nothing. */
  async withoutEvents(verdict: Verdict, action: () => Promise<void>): Promise<void> {
    const notes = await this.notesOf(action);
    verdict.unharmed(notes.length === 0, `functions ran: ${notes.map(tell).join(', ')}`);
  }

  /** Waits until no event waits, in the lanes that are named or in any. Throws when some still do. */
  async rest(...only: readonly string[]): Promise<void> {
    let waiting: string[] = [];
    const isAtRest = await eventually(async () => {
      const lanes = (await this.lanes()).filter(({ lane }) => only.length === 0 || only.includes(lane));
      waiting = lanes.filter((lane) => lane.waiting > 0).map(({ lane }) => lane);
      return waiting.length === 0;
    }, REST_WAIT_MS);
    if (!isAtRest) throw new Error(`events still wait in ${waiting.join(', ')}`);
  }

  async lanes(): Promise<z.output<typeof lanesSchema>['lanes']> {
    const { text } = await this.#stage.control('GET', '/v1/event-lanes');
    return lanesSchema.parse(JSON.parse(text)).lanes;
  }

  /** Events of a lane, by state. */
  async events(lane: string, state: 'waiting' | 'dead'): Promise<EventSeen[]> {
    const query = new URLSearchParams({ lane, state, limit: '1000' });
    const { text } = await this.#stage.control('GET', `/v1/events?${query.toString()}`);
    return eventsSchema.parse(JSON.parse(text)).events;
  }
}

const depots = new WeakMap<Stage, Promise<Depot>>();

/** A client of S3 whose key may do all with these buckets. */
async function s3Client(stage: Stage, buckets: readonly string[]): Promise<S3Client> {
  const { status, text } = await stage.control('POST', '/v1/access-keys', {
    name: 'attack',
    buckets,
    can: ['get', 'put', 'delete', 'list'],
  });
  if (status !== 201) throw new Error(`no access key: ${status} ${text}`);
  const { id, secret } = keySchema.parse(JSON.parse(text));
  return new S3Client({
    endpoint: stage.server.s3Url,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: id, secretAccessKey: secret },
  });
}

/** How an upload ended that was not taken. Throws what is no answer. */
export function failed(thrown: unknown): Uploaded {
  if (!(thrown instanceof S3ServiceException)) throw thrown;
  return { status: thrown.$metadata.httpStatusCode ?? 0, code: thrown.name };
}

function tell({ at, by, id }: Note): string {
  return `${at} by ${by} with ${id}`;
}
