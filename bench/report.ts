import { CORDON, type Result } from './measurement.ts';
import type { Verdict } from './budgets.ts';

/** Everything that a run found, as `--json` writes it. */
export interface Report {
  readonly date: string;
  readonly quick: boolean;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGb: number;
    readonly kernel: string;
    /** Load average of the last minute as the run began. */
    readonly loadBefore: number;
    /** Share of the machine's CPU time that a hypervisor took away during the run, in percent. */
    readonly stolenPercent: number;
  };
  readonly versions: Readonly<Record<string, string>>;
  readonly measurements: readonly (Result & { readonly measurement: string })[];
  readonly budgets: readonly Verdict[];
}

/** Rows of cells as aligned text. The first column is to the left. */
export function textTable(rows: readonly (readonly string[])[], separator = '  '): string {
  const widths = columnWidths(rows);
  return rows
    .map((row) =>
      row
        .map((cell, column) => pad(cell, widths[column] ?? 0, column > 0))
        .join(separator)
        .trimEnd(),
    )
    .join('\n');
}

/** Rows of cells as a Markdown table; the first row is its head. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const widths = columnWidths(rows).map((width) => Math.max(width, 4));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => pad(cell, widths[column] ?? 0, column > 0)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  const rule = widths.map((width, column) => (column > 0 ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  return [line(head), line(rule), ...body.map(line)].join('\n');
}

/** One row for each thing measured, a column for each subject, and Cordon's ratio to each of the others. */
export function resultRows(results: readonly Result[]): string[][] {
  const subjects = [...new Set(results.map(({ subject }) => subject))];
  const names = [...new Set(results.map(({ name }) => name))];
  const rows = [['', ...subjects]];
  for (const name of names) {
    const own = results.filter((one) => one.name === name);
    const unit = own[0]?.unit ?? '';
    const cell = (subject: string): string => {
      const result = own.find((one) => one.subject === subject);
      return result === undefined ? '' : shown(result);
    };
    rows.push([`${name} (${unit})`, ...subjects.map(cell)]);
    const cordon = own.find(({ subject }) => subject === CORDON);
    if (cordon === undefined || own.length < 2) continue;
    const against = (subject: string): string => {
      const other = own.find((one) => one.subject === subject);
      return other === undefined || subject === CORDON ? '' : `${significant(cordon.median / other.median)}x`;
    };
    rows.push(['cordon is', ...subjects.map(against)]);
  }
  return rows;
}

export function budgetRows(verdicts: readonly Verdict[]): string[][] {
  const rows = verdicts.map(({ name, budget, value, unit, met, missedByPercent }) => [
    name,
    budget,
    value === null ? 'not measured' : `${significant(value)}${unit === 'x' ? 'x' : ` ${unit}`}`,
    met === null ? '' : met ? 'met' : `missed by ${missedByPercent}%`,
  ]);
  return [['budget', 'limit', 'value', ''], ...rows];
}

/** The report as a document. */
export function markdown(report: Report, about: ReadonlyMap<string, string>): string {
  const { machine, versions, measurements, budgets } = report;
  const missed = budgets.filter(({ met }) => met === false);
  const names = [...new Set(measurements.map(({ measurement }) => measurement))];
  const sections = names.map((name) => {
    const rows = resultRows(measurements.filter(({ measurement }) => measurement === name));
    return `## ${about.get(name) ?? name}\n\n${markdownTable(rows)}\n`;
  });
  const misses = missed.map(
    ({ name, budget, value, unit, missedByPercent }) =>
      `- ${name}: ${significant(value ?? 0)}${unit === 'x' ? 'x' : ` ${unit}`}, budget ${budget}, missed by ${missedByPercent}%`,
  );
  return `# Results

Written by \`npm run bench -- --markdown bench/RESULTS.md\`. A cell is the median, then p90 and p99 where each sample is one event. Subjects take turns within one run, so their ratios mean more than the numbers.

- date: ${report.date}${report.quick ? ' (a quick run: too few samples to conclude anything)' : ''}
- machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, Linux ${machine.kernel}; load before ${machine.loadBefore}, stolen CPU ${machine.stolenPercent}%
- versions: ${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}

## Budgets

${markdownTable(budgetRows(budgets))}

${missed.length === 0 ? 'None of the budgets that were measured is missed.' : `Missed:\n\n${misses.join('\n')}`}

${sections.join('\n')}`;
}

function shown({ median, p90, p99 }: Result): string {
  const tail = [p90, p99].filter((value) => value !== null);
  return [median, ...tail].map(significant).join(' / ');
}

/** Three digits that matter, and no more than three behind the point. */
function significant(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const digits = Math.max(0, Math.min(3, 2 - Math.floor(Math.log10(Math.abs(value) || 1))));
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function columnWidths(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  return widths;
}

function pad(cell: string, width: number, right: boolean): string {
  return right ? cell.padStart(width) : cell.padEnd(width);
}
