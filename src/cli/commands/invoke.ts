import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { ControlClient } from '../../client/index.ts';
import { connect, type CommandContext } from '../context.ts';
import { EXIT } from '../report.ts';
import { printable, type Surroundings, type Terminal } from '../terminal.ts';
import { usage } from '../usage.ts';

interface InvokeOptions {
  readonly method?: string;
  readonly data?: string;
  readonly header?: readonly [string, string][];
  readonly path?: string;
  readonly host?: string;
  readonly head?: true;
}

const TARGET = /^([a-z][a-z0-9-]{0,62})\/([a-z][a-z0-9-]{0,62})$/;

/** Runs a function once and prints its response. The status of the response does not change the exit code. */
export async function invoke(
  context: CommandContext,
  args: readonly string[],
  given: object,
): Promise<number> {
  const options = given as InvokeOptions;
  const { terminal } = context;
  const body = options.data === undefined ? null : await bodyOf(options.data, context.surroundings);
  const method = (options.method ?? (body === null ? 'GET' : 'POST')).toUpperCase();
  const client = await connect(context);
  const target = await resolveTarget(client, args[0] ?? '', method, options);
  const result = await client.call('POST /v1/apps/{app}/functions/{function}/invoke', {
    params: { app: target.app, function: target.function },
    body: {
      method,
      path: target.path,
      headers: (options.header ?? []).map(([name, value]) => [name, value]),
      ...(body === null ? {} : { bodyBase64: body.toString('base64') }),
    },
  });
  terminal.result({ app: target.app, function: target.function, ...result });
  if (terminal.json) return EXIT.ok;
  if (options.head === true) printHead(terminal, result);
  printBody(terminal, Buffer.from(result.bodyBase64, 'base64'));
  return EXIT.ok;
}

interface Target {
  readonly app: string;
  readonly function: string;
  readonly path: string;
}

async function resolveTarget(
  client: ControlClient,
  text: string,
  method: string,
  options: InvokeOptions,
): Promise<Target> {
  if (text.startsWith('/')) {
    const query = {
      path: text.split('?', 1)[0] ?? text,
      method,
      ...(options.host === undefined ? {} : { host: options.host }),
    };
    const found = await client.call('GET /v1/route', { query });
    return { ...found, path: options.path ?? text };
  }
  const parts = TARGET.exec(text);
  if (parts === null) {
    const problem = `Cannot invoke ${JSON.stringify(text)}: it is neither APP/FUNCTION nor a path.`;
    throw usage(problem, 'Write it as `shop/orders` or `/orders/1`.');
  }
  return { app: parts[1] ?? '', function: parts[2] ?? '', path: options.path ?? '/' };
}

async function bodyOf(data: string, { stdin, cwd }: Surroundings): Promise<Buffer> {
  if (data === '@-') return buffer(stdin);
  if (!data.startsWith('@')) return Buffer.from(data);
  const file = resolve(cwd, data.slice(1));
  try {
    return await readFile(file);
  } catch (cause) {
    const problem = `Cannot read the body from ${file}: ${(cause as Error).message}`;
    throw usage(problem, 'Name a file that exists, or give the body itself.');
  }
}

function printHead(
  terminal: Terminal,
  result: {
    readonly status: number;
    readonly headers: readonly (readonly string[])[];
    readonly request: string;
    readonly ms: number;
  },
): void {
  terminal.line(`${terminal.style('bold', String(result.status))} ${result.request} ${result.ms} ms`);
  for (const [name = '', value = ''] of result.headers) terminal.line(printable(`${name}: ${value}`));
  terminal.line();
}

/** As it is for a program; for a person without control characters, and with a line break at the end. */
function printBody(terminal: Terminal, body: Buffer): void {
  if (!terminal.interactive) {
    terminal.raw(body);
    return;
  }
  const text = printable(body.toString('utf8'));
  terminal.raw(text.endsWith('\n') || text === '' ? text : `${text}\n`);
}
