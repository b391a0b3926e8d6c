import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Requirement } from '../../sandbox/index.ts';
import type { CommandContext } from '../context.ts';
import { dataDirectory } from '../places.ts';
import { EXIT } from '../report.ts';
import { printable } from '../terminal.ts';
import { cordonVersion } from '../version.ts';

interface DoctorOptions {
  readonly data?: string;
  readonly port: number;
  readonly controlPort: number;
  readonly s3Port: number;
}

const NODE_MAJOR_MIN = 26;
const DENO_PACKAGE = '@deno/linux-x64-glibc/deno';
const COMMAND_TIMEOUT_MS = 5000;
const HEALTH_TIMEOUT_MS = 1000;

const run = promisify(execFile);

/** Lists what this machine has and lacks, with the command that brings what is missing. */
export async function doctor(
  context: CommandContext,
  _args: readonly string[],
  given: object,
): Promise<number> {
  const options = given as DoctorOptions;
  const { terminal } = context;
  const done = terminal.progress('looking');
  const runsHere = await cordonAnswers(options.controlPort);
  const requirements = await Promise.all([
    denoVersion(),
    dataFolder(dataDirectory(options.data, context.surroundings)),
    portFree('gateway port', '--port', options.port, runsHere),
    portFree('control port', '--control-port', options.controlPort, runsHere),
    portFree('S3 port', '--s3-port', options.s3Port, runsHere),
    context.requirements(),
  ])
    .then((found) => [nodeVersion(), ...found.flat()])
    .finally(done);
  const missing = requirements.filter(({ ok }) => !ok);
  terminal.result({ ok: missing.length === 0, version: cordonVersion(), requirements });
  for (const { name, ok, detail, fix } of requirements) {
    const mark = ok ? terminal.style('green', 'ok     ') : terminal.style('red', 'missing');
    terminal.line(`${mark}  ${name}: ${printable(detail)}`);
    if (!ok && fix !== null) terminal.line(`         run: ${terminal.style('bold', fix)}`);
  }
  terminal.line();
  terminal.line(
    missing.length === 0 ? 'Nothing is missing.' : `Missing: ${missing.map(({ name }) => name).join(', ')}.`,
  );
  return missing.length === 0 ? EXIT.ok : EXIT.refused;
}

function nodeVersion(): Requirement {
  const { node } = process.versions;
  const ok = Number(node.split('.', 1)[0]) >= NODE_MAJOR_MIN;
  return { name: 'Node.js', ok, detail: node, fix: ok ? null : 'npm ci' };
}

async function denoVersion(): Promise<Requirement> {
  const name = 'Deno';
  try {
    const path = createRequire(import.meta.url).resolve(DENO_PACKAGE);
    const { stdout } = await run(path, ['--version'], {
      timeout: COMMAND_TIMEOUT_MS,
      env: { NO_COLOR: '1' },
    });
    return { name, ok: true, detail: stdout.split(/\s+/)[1] ?? 'unknown version', fix: null };
  } catch (error) {
    const detail = `it does not run: ${(error as Error).message.split('\n', 1)[0] ?? ''}`;
    return { name, ok: false, detail, fix: 'npm ci' };
  }
}

async function dataFolder(folder: string): Promise<Requirement> {
  const name = 'data folder';
  let nearest = folder;
  for (;;) {
    const facts = await stat(nearest).catch(() => null);
    if (facts === null && dirname(nearest) !== nearest) {
      nearest = dirname(nearest);
      continue;
    }
    const writable = facts?.isDirectory() === true && (await canWrite(nearest));
    const detail = writable
      ? nearest === folder
        ? folder
        : `${folder}, to be made`
      : `${nearest} cannot be written`;
    const fix =
      nearest === folder ? `chown $(id -u) ${folder}` : `sudo install -d -m 700 -o $(id -u) ${folder}`;
    return { name, ok: writable, detail, fix: writable ? null : fix };
  }
}

async function canWrite(folder: string): Promise<boolean> {
  try {
    await access(join(folder), constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function portFree(name: string, option: string, port: number, runsHere: boolean): Promise<Requirement> {
  const failure = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    const probe = createServer();
    probe.once('error', resolve);
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(null)));
  });
  if (failure === null) return { name, ok: true, detail: `${port} is free`, fix: null };
  if (runsHere && failure.code === 'EADDRINUSE')
    return { name, ok: true, detail: `${port} is used, Cordon runs`, fix: null };
  const detail =
    failure.code === 'EADDRINUSE' ? `${port} is used by another program` : `${port}: ${failure.message}`;
  return { name, ok: false, detail, fix: `cordon up ${option} 0` };
}

async function cordonAnswers(controlPort: number): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS);
    const response = await fetch(`http://127.0.0.1:${controlPort}/v1/health`, { signal, redirect: 'error' });
    return ((await response.json()) as { server?: unknown }).server === 'cordon';
  } catch {
    return false;
  }
}
