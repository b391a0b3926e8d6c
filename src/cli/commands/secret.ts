import { CordonError, LIMITS, Secret } from '../../contract/index.ts';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { connect, type CommandContext } from '../context.ts';
import { askHidden } from '../hidden-input.ts';
import { EXIT } from '../report.ts';
import { table } from '../terminal.ts';
import { usage } from '../usage.ts';

/** Makes a secret or replaces its value, which comes from stdin or a file and is shown nowhere. */
export async function setSecret(
  context: CommandContext,
  args: readonly string[],
  given: object,
): Promise<number> {
  const { terminal } = context;
  const [name = ''] = args;
  const client = await connect(context);
  const value = await valueOf(context, name, (given as { readonly fromFile?: string }).fromFile);
  const set = await client.call('PUT /v1/secrets/{secret}', {
    params: { secret: name },
    body: { value: value.reveal() },
  });
  terminal.result(set);
  terminal.line(`set ${terminal.style('bold', name)}`);
  return EXIT.ok;
}

export async function listSecrets(context: CommandContext): Promise<number> {
  const { terminal } = context;
  const { secrets } = await (await connect(context)).call('GET /v1/secrets', {});
  terminal.result({ secrets });
  if (secrets.length === 0) terminal.line('no secrets');
  else {
    const rows = secrets.map(({ name, createdAt, updatedAt }) => [name, clock(createdAt), clock(updatedAt)]);
    for (const line of table([['NAME', 'CREATED', 'UPDATED'], ...rows])) terminal.line(line);
  }
  return EXIT.ok;
}

export async function deleteSecret(context: CommandContext, args: readonly string[]): Promise<number> {
  const { terminal } = context;
  const [name = ''] = args;
  const client = await connect(context);
  terminal.result(await client.call('DELETE /v1/secrets/{secret}', { params: { secret: name } }));
  terminal.line(`deleted ${terminal.style('bold', name)}`);
  return EXIT.ok;
}

async function valueOf(context: CommandContext, name: string, file: string | undefined): Promise<Secret> {
  const { stdin, cwd } = context.surroundings;
  if (file === undefined) {
    if (stdin.isTTY === true) return askHidden(context.surroundings, `Value of ${name} (not shown): `);
    return new Secret(textOf(name, await readAll(name, stdin)));
  }
  const path = resolve(cwd, file);
  let bytes: Buffer;
  try {
    const handle = await open(path);
    try {
      bytes = await readAll(name, handle.createReadStream({ autoClose: false }));
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (cause instanceof CordonError) throw cause;
    const problem = `Cannot read the value from ${path}: ${(cause as Error).message}`;
    throw usage(problem, 'Name a file that exists and can be read.');
  }
  return new Secret(textOf(name, bytes));
}

/** At most what a secret may hold, and the line break at its end. */
async function readAll(name: string, source: AsyncIterable<Uint8Array | string>): Promise<Buffer> {
  const most = LIMITS.secretValueBytesMax.value;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    chunks.push(Buffer.from(chunk));
    bytes += chunk.length;
    if (bytes > most + 2) throw invalid(name, `its value has more than ${most} bytes`);
  }
  return Buffer.concat(chunks);
}

/** Without the one line break that `echo` and editors put at the end. */
function textOf(name: string, bytes: Buffer): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw invalid(name, 'its value is not text in UTF-8', cause);
  }
  const value = text.replace(/\r?\n$/, '');
  if (value === '') throw invalid(name, 'its value is empty');
  return value;
}

function invalid(name: string, why: string, cause?: unknown): CordonError {
  return new CordonError('CORDON_SECRET_INVALID', `Cannot set ${name}: ${why}.`, { cause });
}

function clock(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace('T', ' ');
}
