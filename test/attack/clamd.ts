import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';

const PROGRAM = '/usr/sbin/clamd';
const FOLDER = 'clamd';

/** What every scanner knows and what harms nobody. In two pieces, so that this file is not one that they object to. */
export const EICAR = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}', '$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join('');

/** Whether the virus scanner is installed. */
export function hasClamd(): boolean {
  return existsSync(PROGRAM);
}

/** Where the scanner of a server in a folder has its configuration. */
export function clamdConfigIn(folder: string): string {
  return join(folder, FOLDER, 'clamd.conf');
}

/** A scanner that knows EICAR and nothing else. */
export class Clamd {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
    // Should the suite end by an error of its own.
    process.once('exit', () => child.kill());
  }

  /** Starts it with the configuration that `clamdConfigIn` names. */
  static async start(folder: string): Promise<Clamd> {
    const own = join(folder, FOLDER);
    await mkdir(own, { recursive: true });
    await chmod(own, 0o755);
    await writeFile(join(own, 'test.ndb'), `Test.Eicar:0:*:${Buffer.from(EICAR).toString('hex')}\n`);
    const lines = [
      `LocalSocket ${join(own, 'clamd.sock')}`,
      `DatabaseDirectory ${own}`,
      'Foreground yes',
      `User ${userInfo().username}`,
      'AlertExceedsMax yes',
    ];
    const config = clamdConfigIn(folder);
    await writeFile(config, `${lines.join('\n')}\n`);
    const child = spawn(PROGRAM, ['--config-file', config], { stdio: ['ignore', 'pipe', 'ignore'] });
    const clamd = new Clamd(child);
    if (await clamd.#isListening()) return clamd;
    await clamd.stop();
    throw new Error('clamd did not start');
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.kill()) await once(this.#child, 'exit');
  }

  /** Reads on after that: a pipe that nobody reads would block it. */
  #isListening(): Promise<boolean> {
    return new Promise((resolve) => {
      let said = '';
      this.#child.stdout?.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString()).slice(-10_000);
        if (/Self checking|Listening daemon/.test(said)) resolve(true);
      });
      this.#child.once('close', () => resolve(false));
    });
  }
}
