/**
 * Runs the tests: the fast ones first, then whole servers, crashes and attacks. Failures are printed as
 * they happen, and the last line is `N passed, N failed`. It fails on any failure and when nothing ran.
 *
 *   bin/node tools/test.ts [--only unit|e2e|crash|fault|attack] [--shard 1/2]
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { parseArgs } from 'node:util';
import { z } from 'zod';

const CONCURRENCY = 2;
const TEST_TIMEOUT_MS = 180_000;
/** Of what a failed file wrote to stderr. */
const ERROR_OUTPUT_CHARS_MAX = 4000;
/** Files that have something to tell besides their outcome. */
const TELLS = 'test/fault/';
const ATTACK_PROGRAM = 'test/attack/main.ts';
/** The suite of attacks as a whole; a test file has a bound of its own. */
const ATTACK_TIMEOUT_MS = 600_000;
const WATCHDOG = new URL('watchdog.ts', import.meta.url).href;

/** In the order in which they run. */
const GROUPS = {
  unit: ['src/**/*.test.ts', 'tools/**/*.test.ts', 'bench/*.test.ts'],
  e2e: ['test/e2e/**/*.test.ts', 'test/egress/**/*.test.ts', 'test/s3/**/*.test.ts'],
  crash: ['test/crash/**/*.test.ts'],
  fault: ['test/fault/**/*.test.ts'],
  attack: ['test/attack/**/*.test.ts'],
} as const;
type Group = keyof typeof GROUPS;

interface Shard {
  /** From 1. */
  readonly index: number;
  readonly count: number;
}

interface Tally {
  passed: number;
  failed: number;
}

const root = join(import.meta.dirname, '..');

function readOptions(): { groups: Group[]; shard: Shard } {
  const { values } = parseArgs({ options: { only: { type: 'string' }, shard: { type: 'string' } } });
  const all = Object.keys(GROUPS) as Group[];
  const groups = values.only === undefined ? all : all.filter((group) => group === values.only);
  const [, index = '1', count = '1'] = /^([1-9]\d*)\/([1-9]\d*)$/.exec(values.shard ?? '1/1') ?? [
    '',
    '0',
    '0',
  ];
  if (groups.length === 0 || Number(index) > Number(count) || Number(count) === 0) {
    console.error('usage: test [--only unit|e2e|crash|fault|attack] [--shard 1/2]');
    process.exit(2);
  }
  return { groups, shard: { index: Number(index), count: Number(count) } };
}

function filesOf(group: Group, shard: Shard): string[] {
  const files = GROUPS[group].flatMap((pattern) => globSync(pattern, { cwd: root })).toSorted();
  return files
    .filter((_, position) => position % shard.count === shard.index - 1)
    .map((file) => join(root, file));
}

/** A file as a person names it. */
function place(file: string | undefined): string {
  return file === undefined ? '' : file.replace(`${root}/`, '');
}

function describeError(error: Error): string {
  const cause = error.cause instanceof Error ? error.cause : error;
  return cause.stack ?? cause.message;
}

/** Why a test failed, as node:test names it. */
function failureType(error: Error): unknown {
  return 'failureType' in error ? error.failureType : undefined;
}

async function runFiles(files: string[], tally: Tally): Promise<void> {
  const execArgv = ['--import', WATCHDOG];
  const events = run({ files, concurrency: CONCURRENCY, timeout: TEST_TIMEOUT_MS, execArgv, cwd: root });
  const fail = (file: string | undefined, name: string, why: string): void => {
    tally.failed += 1;
    console.log(`FAIL ${place(file)}: ${name}\n${why}\n`);
  };
  const errorOutput = new Map<string, string>();
  events.on('test:stderr', ({ file, message }) => {
    errorOutput.set(file, `${errorOutput.get(file) ?? ''}${message}`.slice(-ERROR_OUTPUT_CHARS_MAX));
  });
  events.on('test:stdout', ({ file, message }) => {
    if (place(file).startsWith(TELLS)) process.stdout.write(message);
  });
  events.on('test:fail', ({ name, file, todo, details }) => {
    // A parent fails with its children; only they are counted.
    if (todo !== undefined || failureType(details.error) === 'subtestsFailed') return;
    if (file !== undefined && name === file)
      fail(file, 'the file', errorOutput.get(file) ?? details.error.message);
    else fail(file, name, describeError(details.error));
  });
  events.on('test:pass', ({ name, file, skip, todo, details }) => {
    if (file !== undefined && name === file) fail(file, 'the file', 'holds no test');
    else if (details.type !== 'suite' && skip === undefined && todo === undefined) tally.passed += 1;
  });
  events.on('test:summary', ({ file, counts, duration_ms: durationMs }) => {
    if (file === undefined) return;
    const skipped = counts.skipped + counts.todo;
    const note = skipped > 0 ? `, ${skipped} skipped` : '';
    console.log(`${place(file)}: ${counts.passed} of ${counts.tests}${note}, ${Math.round(durationMs)} ms`);
  });
  // The stream has to be read for the run to go on.
  for await (const _event of events);
}

const attackReport = z.object({
  rows: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      blocked: z.boolean(),
      harmed: z.boolean(),
      falsePositive: z.boolean(),
    }),
  ),
});

/** The attack suite is a program of its own; each of its rows counts as one test. */
function runAttacks(tally: Tally): void {
  const folder = mkdtempSync(join(tmpdir(), 'cordon-attack-'));
  try {
    const report = join(folder, 'attack.json');
    const program = spawnSync(process.execPath, [ATTACK_PROGRAM, '--json', report], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: ATTACK_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    if (!existsSync(report)) {
      console.log(
        `FAIL ${ATTACK_PROGRAM}: ended with ${program.status ?? program.signal} and without a report`,
      );
      tally.failed += 1;
      return;
    }
    const { rows } = attackReport.parse(JSON.parse(readFileSync(report, 'utf8')));
    for (const { blocked, harmed, falsePositive } of rows) {
      if (blocked && !harmed && !falsePositive) tally.passed += 1;
      else tally.failed += 1;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { groups, shard } = readOptions();
process.env['NODE_NO_WARNINGS'] = '1';
const tally: Tally = { passed: 0, failed: 0 };
for (const group of groups) {
  const files = filesOf(group, shard);
  if (files.length > 0) await runFiles(files, tally);
  if (group === 'attack' && shard.index === shard.count && existsSync(join(root, ATTACK_PROGRAM)))
    runAttacks(tally);
}
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed > 0 || tally.passed === 0 ? 1 : 0;
