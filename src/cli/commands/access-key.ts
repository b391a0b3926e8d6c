import type { CallResult } from '../../client/index.ts';
import { connect, type CommandContext } from '../context.ts';
import { EXIT } from '../report.ts';
import { printable, table } from '../terminal.ts';
import { usage } from '../usage.ts';

const OPERATIONS = ['get', 'put', 'delete', 'list'] as const;

interface CreateOptions {
  readonly name: string;
  readonly bucket: readonly string[];
  readonly can: readonly string[];
  readonly prefix: string;
  /** Ms since the epoch. */
  readonly expires?: number;
}

interface SigningOptions {
  readonly key?: string;
  readonly endpoint?: string;
  /** Ms. */
  readonly expires: number;
}

interface PresignOptions extends SigningOptions {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
}

interface FormOptions extends SigningOptions {
  readonly redirect?: string;
  readonly max: number;
  readonly type?: string;
}

type AccessKey = CallResult<'GET /v1/access-keys'>['keys'][number];

/** Makes an access key and prints it, this once, as the environment that clients of S3 read. */
export async function createAccessKey(
  context: CommandContext,
  _args: readonly string[],
  given: object,
): Promise<number> {
  const { terminal } = context;
  const { name, bucket, can, prefix, expires } = given as CreateOptions;
  const made = await (
    await connect(context)
  ).call('POST /v1/access-keys', {
    body: { name, buckets: [...bucket], can: can.map(operationOf), prefix, expiresAt: expires ?? null },
  });
  terminal.result(made);
  terminal.line(`AWS_ACCESS_KEY_ID=${made.id}`);
  terminal.line(`AWS_SECRET_ACCESS_KEY=${made.secret}`);
  terminal.note('Keep the secret now: it is not shown again.');
  return EXIT.ok;
}

export async function listAccessKeys(context: CommandContext): Promise<number> {
  const { terminal } = context;
  const { keys } = await (await connect(context)).call('GET /v1/access-keys', {});
  terminal.result({ keys });
  if (keys.length === 0) terminal.line('no access keys');
  else {
    const head = ['ID', 'NAME', 'BUCKETS', 'PREFIX', 'CAN', 'CREATED', 'EXPIRES', 'USED'];
    for (const line of table([head, ...keys.map(rowOf)])) terminal.line(line);
  }
  return EXIT.ok;
}

export async function revokeAccessKey(context: CommandContext, args: readonly string[]): Promise<number> {
  const { terminal } = context;
  const [id = ''] = args;
  const client = await connect(context);
  const revoked = await client.call('DELETE /v1/access-keys/{key}', { params: { key: id } });
  terminal.result(revoked);
  terminal.line(`revoked ${terminal.style('bold', id)} (${printable(revoked.name)})`);
  return EXIT.ok;
}

/** The URL alone goes to stdout, so that it can be used at once. */
export async function presignUrl(
  context: CommandContext,
  args: readonly string[],
  given: object,
): Promise<number> {
  const { terminal } = context;
  const { method, key: accessKey = null, endpoint = null, expires } = given as PresignOptions;
  const { bucket, key } = objectOf(args);
  if (key === '') throw usage('There is no key after the bucket.', 'Name the object as bucket/key.');
  const client = await connect(context);
  const signed = await client.call('POST /v1/presigned-urls', {
    body: { method, bucket, key, accessKey, endpoint, expiresMs: expires },
  });
  terminal.result(signed);
  terminal.line(signed.url);
  terminal.note(`For ${method} until ${clock(signed.expiresAt)}, signed with ${signed.accessKey}.`);
  return EXIT.ok;
}

/** Prints the fields of a form, one `name=value` a line, as they go before the file. */
export async function signPostForm(
  context: CommandContext,
  args: readonly string[],
  given: object,
): Promise<number> {
  const { terminal } = context;
  const { max, type = null, redirect = null, expires } = given as FormOptions;
  const { key: accessKey = null, endpoint = null } = given as FormOptions;
  const { bucket, key } = objectOf(args);
  const isPrefix = key === '' || key.endsWith('/');
  const client = await connect(context);
  const signed = await client.call('POST /v1/post-forms', {
    body: {
      ...{ bucket, key, isPrefix, accessKey, endpoint },
      ...{ contentType: type, fileBytesMax: max, redirect, expiresMs: expires },
    },
  });
  terminal.result(signed);
  for (const { name, value } of signed.fields) terminal.line(`${name}=${value}`);
  terminal.note(`POST to ${signed.url}, the file last as \`file\`, until ${clock(signed.expiresAt)}.`);
  return EXIT.ok;
}

function objectOf([object = '']: readonly string[]): { readonly bucket: string; readonly key: string } {
  const slash = object.indexOf('/');
  if (slash < 1) throw usage('There is no bucket before a slash.', 'Name the object as bucket/key.');
  return { bucket: object.slice(0, slash), key: object.slice(slash + 1) };
}

function operationOf(text: string): (typeof OPERATIONS)[number] {
  const operation = OPERATIONS.find((known) => known === text);
  if (operation === undefined)
    throw usage(`There is no operation ${JSON.stringify(text)}.`, `Choose of ${OPERATIONS.join(', ')}.`);
  return operation;
}

function rowOf({ id, name, buckets, prefix, can, createdAt, expiresAt, usedAt }: AccessKey): string[] {
  return [
    id,
    printable(name),
    buckets.join(' '),
    prefix === '' ? '-' : printable(prefix),
    can.join(' '),
    clock(createdAt),
    expiresAt === null ? 'never' : clock(expiresAt),
    usedAt === null ? 'never' : clock(usedAt),
  ];
}

function clock(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace('T', ' ');
}
