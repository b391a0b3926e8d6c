/**
 * Attacks a running Cordon from outside and says what came of it.
 *
 *   bin/node test/attack/main.ts [--json FILE] [--only A1,F9]
 *
 * Exit codes: 0 all rows blocked, harmless and without false positives; 1 not; 2 usage.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Verdict, type Row, type RowReport } from './row.ts';
import { ROWS } from './rows/index.ts';
import { Stage } from './stage.ts';

const ROW_TIMEOUT_MS = 60_000;
const DETAIL_CHARS_MAX = 600;

function readOptions(): { readonly json: string | undefined; readonly rows: readonly Row[] } {
  try {
    const { values } = parseArgs({ options: { json: { type: 'string' }, only: { type: 'string' } } });
    const wanted = values.only?.split(',').map((id) => id.trim());
    const unknown = wanted?.filter((id) => !ROWS.some((row) => row.id === id)) ?? [];
    if (unknown.length > 0) throw new Error(`there is no row ${unknown.join(', ')}`);
    return { json: values.json, rows: ROWS.filter(({ id }) => wanted?.includes(id) ?? true) };
  } catch (thrown) {
    console.error(`${(thrown as Error).message}\nusage: attack [--json FILE] [--only A1,F9]`);
    process.exit(2);
  }
}

async function attempt(action: () => Promise<void>): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${ROW_TIMEOUT_MS} ms`)), ROW_TIMEOUT_MS);
  });
  try {
    await Promise.race([action(), timeout]);
    return null;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } finally {
    clearTimeout(timer);
  }
}

async function runRow(row: Row, stage: Stage): Promise<RowReport> {
  const start = performance.now();
  const verdict = new Verdict();
  const before = await stage.lastEvent();
  const failure = await attempt(() => row.attack(stage, verdict));
  if (failure !== null) verdict.passed(failure);
  const kinds = (await stage.events(before)).map(({ kind }) => kind);
  const wanted = kinds.find((kind) => row.event?.some((expected) => expected === kind) ?? true) ?? null;
  if (row.event !== null && wanted === null) verdict.passed(`no event ${row.event.join(' or ')}`);
  for (const problem of await stage.damage()) verdict.harmed(problem);
  const refused = await attempt(() => row.twin(stage));
  const says = [
    ...verdict.notBlocked.map((text) => `NOT BLOCKED: ${text}`),
    ...verdict.harm.map((text) => `HARM: ${text}`),
    ...(refused === null ? [] : [`FALSE POSITIVE: ${refused}`]),
    ...verdict.notes,
  ];
  return {
    id: row.id,
    title: row.title,
    blocked: verdict.notBlocked.length === 0,
    harmed: verdict.harm.length > 0,
    falsePositive: refused !== null,
    event: wanted,
    detail: says.join('; ').slice(0, DETAIL_CHARS_MAX),
    ms: Math.round(performance.now() - start),
  };
}

function passes(row: RowReport): boolean {
  return row.blocked && !row.harmed && !row.falsePositive;
}

function line(cells: readonly string[]): string {
  const widths = [5, 9, 8, 15, 24, 9];
  return cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('');
}

function show(row: RowReport): void {
  const flag = (value: boolean, good: boolean): string => (value === good ? String(value) : `${value} !`);
  const { id, blocked, harmed, falsePositive, event, ms } = row;
  console.log(
    line([
      id,
      flag(blocked, true),
      flag(harmed, false),
      flag(falsePositive, false),
      event ?? '-',
      `${ms} ms`,
      row.title,
    ]),
  );
  if (!passes(row)) console.log(`     ${row.detail}`);
}

const { json, rows } = readOptions();
const stage = await Stage.open();
const reports: RowReport[] = [];
try {
  console.log(line(['row', 'blocked', 'harmed', 'false positive', 'event', 'time', 'what']));
  for (const row of rows) {
    const report = await runRow(row, stage);
    reports.push(report);
    show(report);
  }
} finally {
  await stage.close().catch((error: unknown) => console.error((error as Error).message));
  if (json !== undefined) await writeFile(json, `${JSON.stringify({ rows: reports }, null, 2)}\n`);
}
const failed = reports.filter((row) => !passes(row));
console.log(
  `${reports.length - failed.length} of ${reports.length} attacks blocked, harmless, without a false positive`,
);
process.exitCode = failed.length > 0 || reports.length === 0 ? 1 : 0;
