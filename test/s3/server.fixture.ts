import { S3Client } from '@aws-sdk/client-s3';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { z } from 'zod';
import type { Home, ServerProcess } from '../../tools/server-process.ts';

const keySchema = z.object({ id: z.string(), secret: z.string() });
const urlSchema = z.object({ url: z.string() });
const formSchema = z.object({
  url: z.string(),
  fields: z.array(z.object({ name: z.string(), value: z.string() })),
});

/** A form as `cordon access-key post-form` prints it. */
export type PostForm = z.output<typeof formSchema>;

/** An access key as `cordon access-key create` prints it. */
export interface MadeKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface KeyScope {
  readonly buckets: readonly string[];
  /** Default: everything. */
  readonly can?: readonly ('get' | 'put' | 'delete' | 'list')[];
  /** Default: any key of an object. */
  readonly prefix?: string;
}

/** Makes an access key by the command line. */
export async function makeKey(home: Home, { buckets, prefix = '', can }: KeyScope): Promise<MadeKey> {
  const operations = can ?? ['get', 'put', 'delete', 'list'];
  const args = [
    ...['--name', 'test', '--prefix', prefix],
    ...buckets.flatMap((bucket) => ['--bucket', bucket]),
    ...operations.flatMap((operation) => ['--can', operation]),
  ];
  const [made] = await home.json('access-key', 'create', ...args);
  const { id, secret } = keySchema.parse(made);
  return { accessKeyId: id, secretAccessKey: secret };
}

/** Signs a URL for one request by the command line. */
export async function presign(
  home: Home,
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE',
  object: string,
  key: MadeKey,
): Promise<string> {
  const args = ['--method', method, '--key', key.accessKeyId, '--expires', '5m'];
  const [signed] = await home.json('access-key', 'presign', object, ...args);
  return urlSchema.parse(signed).url;
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** Signs a form by the command line; after `prefix` follows the name of the file. */
export async function signForm(
  home: Home,
  prefix: string,
  bytesMax: number,
  { accessKeyId }: MadeKey,
): Promise<PostForm> {
  const args = ['--type', 'image/*', '--max', `${bytesMax}B`, '--key', accessKeyId];
  const [printed] = await home.json('access-key', 'post-form', prefix, ...args);
  return formSchema.parse(printed);
}

/** The SDK as its users set it up, which tries once alone and says nothing of it. */
export function clientOf(
  { s3Url }: Pick<ServerProcess, 's3Url'>,
  credentials: MadeKey,
  settings: S3ClientConfig = {},
): S3Client {
  return new S3Client({
    endpoint: s3Url,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    logger: quiet,
    credentials,
    ...settings,
  });
}
