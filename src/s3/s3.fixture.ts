import { connect } from 'node:net';
import { S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { openStored } from '../capability/capability.fixture.ts';
import type { Stored } from '../capability/capability.fixture.ts';
import { Secret, systemClock } from '../contract/index.ts';
import type { Clock } from '../contract/index.ts';
import type { Evidence } from '../evidence/index.ts';
import { AccessKeyStore } from '../identity/index.ts';
import type { AccessKeyInfo } from '../identity/index.ts';
import { presign } from './auth/index.ts';
import type { Presigning, SigningKey } from './auth/index.ts';
import { openS3Server } from './index.ts';
import type { S3Options, S3Server } from './index.ts';

export const PROJECT = 'default';
export const MIB = 1024 * 1024;

type SecurityEvent = Parameters<Evidence['record']>[0];

/** The endpoint over real stores, with an access key to two buckets. */
export interface TestEndpoint {
  readonly server: S3Server;
  readonly stored: Stored;
  readonly url: string;
  readonly events: readonly SecurityEvent[];
  readonly key: ClientKey;
  readonly client: S3Client;
  newKey(
    scope?: Partial<Pick<AccessKeyInfo, 'buckets' | 'prefix' | 'can' | 'expiresAt'>>,
  ): Promise<ClientKey>;
  clientOf(key: ClientKey, settings?: ConstructorParameters<typeof S3Client>[0]): S3Client;
  close(): Promise<void>;
}

export interface ClientKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export async function openEndpoint(
  options: Partial<Pick<S3Options, 'host' | 'limits' | 'origins' | 'tls' | 'unsafePlaintext' | 'clock'>> = {},
): Promise<TestEndpoint> {
  const stored = await openStored();
  const clock: Clock = options.clock ?? systemClock;
  const accessKeys = await AccessKeyStore.open({ store: stored.store, vault: stored.vault, clock });
  const events: SecurityEvent[] = [];
  const evidence: Evidence = { ...stored.evidence, record: (event) => void events.push(event) };
  const opening = openS3Server({
    host: '127.0.0.1',
    port: 0,
    tls: null,
    buckets: stored.storage.objects,
    uploads: stored.storage.uploads,
    accessKeys,
    clock,
    evidence,
    ...options,
  });
  const server = await opening.catch(async (thrown: unknown) => {
    await accessKeys.close();
    await stored.close();
    throw thrown;
  });
  const url = `http://127.0.0.1:${server.port}`;
  const clients: S3Client[] = [];
  const clientOf: TestEndpoint['clientOf'] = (credentials, settings = {}) => {
    const client = new S3Client({
      endpoint: url,
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: 1,
      credentials,
      ...settings,
    });
    clients.push(client);
    return client;
  };
  const newKey: TestEndpoint['newKey'] = async (scope = {}) => {
    const { info, secret } = await accessKeys.create({
      project: PROJECT,
      name: 'test',
      buckets: ['photos', 'papers'],
      prefix: '',
      can: ['get', 'put', 'delete', 'list'],
      expiresAt: null,
      ...scope,
    });
    return { accessKeyId: info.id, secretAccessKey: secret.reveal() };
  };
  const key = await newKey();
  return {
    server,
    stored,
    url,
    events,
    key,
    client: clientOf(key),
    newKey,
    clientOf,
    async close() {
      for (const client of clients) client.destroy();
      await server.close();
      await accessKeys.close();
      await stored.close();
    },
  };
}

/** The code of S3 that something is refused with, its status where there is no body to say it; `accepted` where it is not. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'accepted';
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const isBare = error instanceof S3ServiceException && error.name === 'Unknown';
    return isBare ? String(error.$metadata.httpStatusCode) : error.name;
  }
}

/** A URL that lets do one thing with an object, for requests that no client would make. */
export function presigned(
  { url, key }: Pick<TestEndpoint, 'url' | 'key'>,
  [method, bucket, name]: readonly [method: Presigning['method'], bucket: string, name: string],
  more: Partial<Pick<Presigning, 'parameters' | 'fields' | 'now'>> = {},
): string {
  return presign({
    endpoint: url,
    method,
    bucket,
    key: name,
    expiresMs: 60_000,
    credentials: signingKeyOf(key),
    now: Date.now(),
    ...more,
  });
}

export function signingKeyOf({ accessKeyId, secretAccessKey }: ClientKey): SigningKey {
  return { id: accessKeyId, secret: new Secret(secretAccessKey) };
}

/** Sends text on a connection of its own and gives what came until the other side closed it. */
export function rawExchange(url: string, text: string, halfCloses = false): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1' });
    let answer = '';
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
    socket.write(Buffer.from(text, 'latin1'));
    if (halfCloses) socket.end();
  });
}
