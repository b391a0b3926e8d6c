/**
 * The main job, shown once from an empty folder: start a server, deploy an app, call it, and see who
 * answered. Uses the `cordon` command as a person would.
 *
 *   npm run tour [-- --keep]
 */
import { relative, join } from 'node:path';
import { parseArgs, styleText } from 'node:util';
import { z } from 'zod';
import { Home, ServerProcess } from './server-process.ts';
import { setup } from './setup.ts';

const APP = 'examples/shop';
const LOG_TRIES_MAX = 40;
const LOG_PAUSE_MS = 50;
const root = join(import.meta.dirname, '..');

const deploySchema = z.object({
  deployment: z.object({
    id: z.string(),
    functions: z.array(z.object({ name: z.string(), bundleBytes: z.number() })),
  }),
});
const logSchema = z.object({
  source: z.enum(['platform', 'function']),
  instance: z.string().nullable(),
  request: z.string().nullable(),
  message: z.string(),
});
type LogLine = z.output<typeof logSchema>;

function step(title: string, command: string): void {
  console.log(`\n${styleText(['bold', 'cyan'], title)}\n${styleText('dim', `  $ ${command}`)}`);
}

function show(text: string): void {
  console.log(text.replace(/^/gm, '  '));
}

async function deploy(home: Home): Promise<void> {
  step('Deploy an app: bundled, checked in a sandbox, live', `cordon deploy ${APP}`);
  const started = performance.now();
  const [result] = await home.json('deploy', join(root, APP));
  const { deployment } = deploySchema.parse(result);
  for (const { name, bundleBytes } of deployment.functions) show(`function ${name}, ${bundleBytes} bytes`);
  show(`live as ${deployment.id.slice(0, 12)} after ${Math.round(performance.now() - started)} ms`);
}

/** Calls a URL, shows the answer, and returns the id of the request. */
async function call(url: string, init: RequestInit = {}): Promise<string | null> {
  const body = typeof init.body === 'string' ? ` -d '${init.body}'` : '';
  step(
    body ? 'Call the other function' : 'Call it, from zero: no instance of it runs yet',
    `curl ${url}${body}`,
  );
  const started = performance.now();
  const response = await fetch(url, init);
  const text = await response.text();
  show(`${response.status} ${text.trim()}`);
  show(styleText('dim', `${(performance.now() - started).toFixed(1)} ms`));
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.headers.get('x-request-id');
}

/** The lines of the request that the function itself wrote; they are stored in the background. */
async function findLogs(home: Home, request: string | null): Promise<LogLine[]> {
  const filter = request === null ? [] : ['--request', request];
  for (let tries = 0; tries < LOG_TRIES_MAX; tries += 1) {
    const lines = (await home.json('logs', '--app', 'shop', ...filter)).map((line) => logSchema.parse(line));
    if (
      lines.some(({ source }) => source === 'function') &&
      lines.some(({ source }) => source === 'platform')
    )
      return lines;
    await new Promise((resolve) => setTimeout(resolve, LOG_PAUSE_MS));
  }
  throw new Error('the log line of the function did not arrive');
}

async function showLogs(home: Home, request: string | null): Promise<void> {
  step('See what it said, and which instance served it', `cordon logs --app shop --request ${request ?? ''}`);
  const lines = await findLogs(home, request);
  for (const { source, message } of lines) show(`${source.padEnd(8)} ${message}`);
  show(
    `served by instance ${styleText('bold', lines.find(({ instance }) => instance)?.instance ?? 'unknown')}`,
  );
}

async function tour(keep: boolean): Promise<void> {
  const home = await Home.create();
  let server: ServerProcess | null = null;
  try {
    step('Start the server', `cordon up --data ${home.dataDirectory}`);
    server = await ServerProcess.start(home);
    show(`gateway ${server.gatewayUrl}, control API ${server.controlUrl}`);
    show(`isolation ${server.isolation}, ready in ${server.readyMs} ms`);

    await deploy(home);
    const request = await call(`${server.gatewayUrl}/shop/products/teapot`);
    await call(`${server.gatewayUrl}/shop/cart`, { method: 'POST', body: '[{"id":"cup","quantity":2}]' });
    await showLogs(home, request);
    if (keep) await untilStopped(home, server);
  } finally {
    try {
      await server?.stop();
    } finally {
      await home.remove();
    }
  }
  console.log(`\n${styleText('green', 'That was the tour.')} Next: bin/cordon init hello\n`);
}

async function untilStopped(home: Home, server: ServerProcess): Promise<void> {
  const cordon = relative(process.cwd(), join(root, 'bin/cordon'));
  step(
    'The server stays until Ctrl-C',
    `XDG_CONFIG_HOME=${home.env['XDG_CONFIG_HOME'] ?? ''} ${cordon} deploy --list`,
  );
  show(server.gatewayUrl);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}

const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });
try {
  if (setup()) await tour(values.keep);
  else process.exitCode = 1;
} catch (error) {
  console.error(`\nThe tour ended early: ${error instanceof Error ? error.message : String(error)}`);
  console.error('`bin/cordon doctor` says what this machine lacks.');
  process.exitCode = 1;
}
