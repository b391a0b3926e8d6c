/** All checks that a change has to pass before it is committed, side by side. Prints what failed, and the time of each. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { styleText } from 'node:util';

const CONCURRENCY = 2;
const root = join(import.meta.dirname, '..');

interface Check {
  readonly name: string;
  /** Arguments of node. */
  readonly args: readonly string[];
}

interface Result {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
  readonly output: string;
}

/** The slowest first, so that the last one to start is short. */
const CHECKS: readonly Check[] = [
  { name: 'unit tests', args: ['tools/test.ts', '--only', 'unit'] },
  { name: 'types', args: ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'] },
  { name: 'types of the guest', args: ['node_modules/typescript/bin/tsc', '-p', 'src/guest/tsconfig.json'] },
  {
    name: 'types of the examples',
    args: ['node_modules/typescript/bin/tsc', '-p', 'examples/tsconfig.json'],
  },
  { name: 'lint', args: ['node_modules/oxlint/bin/oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'format', args: ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'] },
  { name: 'unused code', args: ['node_modules/knip/bin/knip.js', '--no-progress'] },
  { name: 'layers', args: ['tools/layers.ts'] },
  { name: 'sizes', args: ['tools/size.ts'] },
  { name: 'documents', args: ['tools/docs.ts'] },
];

function runCheck({ name, args }: Check): Promise<Result> {
  const start = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('close', (code) =>
      resolve({ name, ok: code === 0, seconds: (performance.now() - start) / 1000, output }),
    );
  });
}

function report({ name, ok, seconds, output }: Result): void {
  const mark = ok ? styleText('green', 'ok  ') : styleText('red', 'FAIL');
  console.log(`${mark} ${name} ${styleText('dim', `${seconds.toFixed(1)} s`)}`);
  if (!ok) console.log(`${output.trimEnd()}\n`);
}

const queue = [...CHECKS];
let failed = 0;
async function work(): Promise<void> {
  for (let check = queue.shift(); check; check = queue.shift()) {
    const result = await runCheck(check);
    if (!result.ok) failed += 1;
    report(result);
  }
}
await Promise.all(Array.from({ length: CONCURRENCY }, work));
console.log(failed === 0 ? 'ok' : `${failed} of ${CHECKS.length} checks failed`);
process.exitCode = failed === 0 ? 0 : 1;
