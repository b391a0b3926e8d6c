import type { CallResult } from '../../client/index.ts';
import { connect, type CommandContext } from '../context.ts';
import { EXIT } from '../report.ts';
import { table } from '../terminal.ts';

interface CreateOptions {
  readonly app: string;
  readonly auth: string;
  readonly name: string;
  readonly scope?: readonly string[];
  /** Ms since the epoch. */
  readonly expires?: number;
}

type ApiKey = CallResult<'GET /v1/api-keys'>['keys'][number];

/** Makes an API key and prints it, this once. The key alone goes to stdout, so that it can be piped. */
export async function createApiKey(
  context: CommandContext,
  _args: readonly string[],
  given: object,
): Promise<number> {
  const { terminal } = context;
  const { app, auth, name, scope, expires } = given as CreateOptions;
  const made = await (
    await connect(context)
  ).call('POST /v1/api-keys', {
    body: { app, auth, name, scopes: [...(scope ?? [])], expiresAt: expires ?? null },
  });
  terminal.result(made);
  terminal.line(made.key);
  terminal.note(`Made ${made.id} for ${app}. Keep the key now: it is not shown again.`);
  return EXIT.ok;
}

export async function listApiKeys(
  context: CommandContext,
  _args: readonly string[],
  given: object,
): Promise<number> {
  const { terminal } = context;
  const { app } = given as { readonly app?: string };
  const { keys } = await (
    await connect(context)
  ).call('GET /v1/api-keys', { query: app === undefined ? {} : { app } });
  terminal.result({ keys });
  if (keys.length === 0) terminal.line('no API keys');
  else {
    const head = ['ID', 'APP', 'AUTH', 'NAME', 'SCOPES', 'CREATED', 'EXPIRES', 'USED'];
    for (const line of table([head, ...keys.map(rowOf)])) terminal.line(line);
  }
  return EXIT.ok;
}

export async function revokeApiKey(context: CommandContext, args: readonly string[]): Promise<number> {
  const { terminal } = context;
  const [id = ''] = args;
  const client = await connect(context);
  const revoked = await client.call('DELETE /v1/api-keys/{key}', { params: { key: id } });
  terminal.result(revoked);
  terminal.line(`revoked ${terminal.style('bold', id)} (${revoked.name})`);
  return EXIT.ok;
}

function rowOf({ id, app, auth, name, scopes, createdAt, expiresAt, usedAt }: ApiKey): string[] {
  return [
    id,
    app,
    auth,
    name,
    scopes.join(' ') || '-',
    clock(createdAt),
    expiresAt === null ? 'never' : clock(expiresAt),
    usedAt === null ? 'never' : clock(usedAt),
  ];
}

function clock(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace('T', ' ');
}
