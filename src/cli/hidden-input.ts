import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { Secret } from '../contract/index.ts';
import type { Surroundings } from './terminal.ts';
import { usage } from './usage.ts';

/** Asks for a line at a terminal and shows nothing of it. Errors: CORDON_USAGE when nothing is given. */
export async function askHidden({ stdin, stderr }: Surroundings, question: string): Promise<Secret> {
  stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: true, historySize: 0 });
  try {
    const line = await new Promise<string>((resolve) => {
      lines
        .once('line', resolve)
        .once('close', () => resolve(''))
        .once('SIGINT', () => lines.close());
    });
    if (line === '') throw usage('No value was given.', 'Type it, pipe it in, or use --from-file.');
    return new Secret(line);
  } finally {
    lines.close();
    stderr.write('\n');
  }
}
