import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CordonError, LIMITS } from '../contract/index.ts';
import type { Scanner } from './scanner.ts';

const PROGRAM = '/usr/bin/clamdscan';
const OUTPUT_CHARACTERS_MAX = 4096;
const NAME_CHARACTERS_MAX = 200;

/** Where Debian has it, as clamdscan looks for it. */
const CONFIG = '/etc/clamav/clamd.conf';
const MIB = 1024 * 1024;
/** Sizes beyond which clamd does not look, and what they are where its configuration is silent, in its oldest version. */
const BOUNDS = { StreamMaxLength: 25 * MIB, MaxFileSize: 25 * MIB, MaxScanSize: 100 * MIB } as const;
const UNITS: Readonly<Record<string, number>> = { K: 1024, M: MIB, G: 1024 * MIB };

export interface ClamdOptions {
  /** The configuration file of clamd, which names its socket. Default `/etc/clamav/clamd.conf`. */
  readonly config?: string;
  /** Default `/usr/bin/clamdscan`. */
  readonly program?: string;
}

/** Whether clamd and its client are installed as Debian has them, whether or not it runs. */
export function isClamdInstalled(): boolean {
  return existsSync(PROGRAM) && existsSync(CONFIG);
}

/**
 * ClamAV’s daemon, asked by its own client. Bytes go through a pipe: what is stored is sealed, so there is no file
 * that it could open. A daemon that is away is CORDON_UPLOAD_UNCHECKED, and so is an upload larger than what its
 * configuration says that it looks at: its client cuts such a one off and calls the rest clean. `AlertExceedsMax
 * yes` makes it say so of what is in archives.
 */
export function clamdScanner(options: ClamdOptions = {}): Scanner {
  const { config = CONFIG, program = PROGRAM } = options;
  const args = ['--no-summary', '--stdout', `--config-file=${config}`, '-'];
  return {
    async scan(bytes, size) {
      try {
        const bytesMax = lookedAtMax(await readFile(config, 'utf8'));
        if (size > bytesMax)
          throw new Error(`${size} bytes are more than the ${bytesMax} that clamd looks at`);
        return await ask(program, args, bytes);
      } catch (cause) {
        const message = 'Cannot scan the upload: clamd did not say what it is.';
        throw new CordonError('CORDON_UPLOAD_UNCHECKED', message, { cause });
      }
    },
  };
}

/** The most bytes of which clamd sees all, by its configuration. */
function lookedAtMax(config: string): number {
  const bounds = Object.entries(BOUNDS).map(([name, silent]) => {
    const [, digits, unit = ''] = new RegExp(`^\\s*${name}\\s+(\\d+)([KMG]?)\\s*$`, 'im').exec(config) ?? [];
    if (digits === undefined) return silent;
    // Zero is no bound.
    return Number(digits) === 0 ? Infinity : Number(digits) * (UNITS[unit.toUpperCase()] ?? 1);
  });
  return Math.min(...bounds);
}

async function ask(
  program: string,
  args: readonly string[],
  bytes: AsyncIterable<Uint8Array>,
): Promise<string | null> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'], env: {} });
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMITS.uploadScanTimeMs.value);
  try {
    const [code, output, isRead] = await Promise.all([exitOf(child), outputOf(child), feed(child, bytes)]);
    if (code === 0 && isRead) return null;
    const [, name] = /: (.+) FOUND$/m.exec(output) ?? [];
    if (code === 1 && name !== undefined) return name.slice(0, NAME_CHARACTERS_MAX);
    throw new Error(`clamdscan ended with ${String(code)}: ${output.trim().slice(0, NAME_CHARACTERS_MAX)}`);
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
  }
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
}

async function outputOf(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? [])
    if (text.length < OUTPUT_CHARACTERS_MAX) text += String(chunk).slice(0, OUTPUT_CHARACTERS_MAX);
  return text;
}

/** False: it stopped to listen before the end. Where it has found something, that is in its answer. */
async function feed(child: ChildProcess, bytes: AsyncIterable<Uint8Array>): Promise<boolean> {
  if (child.stdin === null) return false;
  try {
    await pipeline(Readable.from(bytes), child.stdin);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EPIPE') return false;
    throw thrown;
  }
}
