/**
 * The benchmark: runs the registry of measurements, prints them side by side, and judges the budgets. It
 * fails when something cannot be measured, never because a number is bad.
 *
 *   npm run bench -- [--only NAME]… [--quick] [--json FILE] [--markdown FILE] [--list]
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { judge } from './budgets.ts';
import { MEASUREMENTS } from './registry.ts';
import { budgetRows, markdown, resultRows, textTable, type Report } from './report.ts';
import { Workplace } from './workplace.ts';

const EXIT = { ok: 0, failed: 1, usage: 2 } as const;
const BYTES_PER_GB = 1e9;
const here = import.meta.dirname;

const OPTIONS = {
  only: { type: 'string', multiple: true },
  quick: { type: 'boolean', default: false },
  json: { type: 'string' },
  markdown: { type: 'string' },
  list: { type: 'boolean', default: false },
} as const satisfies ParseArgsOptionsConfig;

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** A person has had enough. What runs is ended before it is thrown on. */
class Interrupted extends Error {}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Interrupted)) throw error;
  console.error(`ended by ${error.message}`);
  process.exitCode = EXIT.failed;
}

async function main(): Promise<number> {
  const options = parseOptions();
  if (options === null) return EXIT.usage;
  if (options.list) {
    console.log(textTable(MEASUREMENTS.map(({ name, about }) => [name, about])));
    return EXIT.ok;
  }
  const only = options.only ?? [];
  const chosen = MEASUREMENTS.filter(({ name }) => only.length === 0 || only.includes(name));
  const unknown = only.filter((name) => MEASUREMENTS.every((one) => one.name !== name));
  if (unknown.length > 0) {
    console.error(`There is no measurement ${unknown.join(', ')}. \`--list\` shows them.`);
    return EXIT.usage;
  }
  installPeers();
  const loadBefore = Math.round((loadavg()[0] ?? 0) * 100) / 100;
  const cpuBefore = cpuTimes();
  const measurements: Report['measurements'][number][] = [];
  let failed = 0;
  for (const measurement of chosen) {
    const { name, about } = measurement;
    const startedAt = performance.now();
    console.error(`${name}: ${about}`);
    try {
      const results = await withWorkplace(options.quick, (place) => measurement.run(place));
      measurements.push(...results.map((result) => ({ ...result, measurement: name })));
      console.log(`\n${textTable(resultRows(results))}\n`);
    } catch (error) {
      if (error instanceof Interrupted) throw error;
      failed += 1;
      console.error(`${name} cannot be measured:`, error);
    }
    console.error(`${name}: ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
  }
  const report: Report = {
    date: new Date().toISOString(),
    quick: options.quick,
    machine: { ...machine(), loadBefore, stolenPercent: stolenPercent(cpuBefore, cpuTimes()) },
    versions: versions(),
    measurements,
    budgets: judge(measurements),
  };
  console.log(textTable(budgetRows(report.budgets)));
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  const about = new Map(MEASUREMENTS.map((one) => [one.name, one.about]));
  if (options.markdown !== undefined) writeFileSync(options.markdown, markdown(report, about));
  return failed > 0 ? EXIT.failed : EXIT.ok;
}

async function withWorkplace<T>(quick: boolean, run: (place: Workplace) => Promise<T>): Promise<T> {
  const place = await Workplace.open(quick);
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  const interrupt = (signal: NodeJS.Signals): void => reject(new Interrupted(signal));
  for (const signal of SIGNALS) process.once(signal, interrupt);
  const running = run(place);
  try {
    return await Promise.race([running, interrupted]);
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt);
    try {
      await place.close();
    } finally {
      // After an interrupt it goes on until it misses what was closed, and may still start something.
      await running.catch(() => undefined);
      await place.clean();
    }
  }
}

function parseOptions() {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch (error) {
    console.error((error as Error).message);
    return null;
  }
}

/** What Cordon is compared with has a lockfile of its own: who does not measure does not install it. */
function installPeers(): void {
  if (existsSync(join(here, 'node_modules/workerd/package.json'))) return;
  console.error('Installing what Cordon is compared with: npm ci, in bench');
  const npm = process.env['npm_execpath'];
  const [command, args] = npm === undefined ? ['npm', ['ci']] : [process.execPath, [npm, 'ci']];
  const { status } = spawnSync(command, args, { cwd: here, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error('npm ci failed in bench.');
}

function machine(): Omit<Report['machine'], 'loadBefore' | 'stolenPercent'> {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / BYTES_PER_GB),
    kernel: release(),
  };
}

/** The fields of the first line of /proc/stat; the eighth is the time stolen by a hypervisor. */
function cpuTimes(): number[] {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  return line.trim().split(/\s+/).slice(1, 9).map(Number);
}

function stolenPercent(before: readonly number[], after: readonly number[]): number {
  const spent = after.map((ticks, field) => ticks - (before[field] ?? 0));
  const all = spent.reduce((sum, ticks) => sum + ticks, 0);
  return Math.round(((spent[7] ?? 0) / Math.max(1, all)) * 1000) / 10;
}

function versions(): Record<string, string> {
  const version = (path: string): string => {
    const { version } = JSON.parse(readFileSync(join(here, path, 'package.json'), 'utf8')) as {
      version: string;
    };
    return version;
  };
  return {
    cordon: version('..'),
    node: process.versions.node,
    deno: version('../node_modules/@deno/linux-x64-glibc'),
    workerd: version('node_modules/workerd'),
    'functions-framework': version('node_modules/@google-cloud/functions-framework'),
    undici: version('node_modules/undici'),
  };
}
