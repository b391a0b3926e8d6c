interface ErrorRow {
  readonly fault: string;
  readonly status: number;
  readonly summary: string;
  readonly next: string;
}

interface LimitRow {
  readonly value: number;
  readonly unit: string;
  readonly why: string;
}

const BYTE_UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}

/** docs/ERRORS.md from the table of errors. */
export function errorsMarkdown(errors: Readonly<Record<string, ErrorRow>>): string {
  const rows = Object.entries(errors).map(([code, { fault, status, summary, next }]) => [
    `\`${code}\``,
    String(status),
    fault,
    summary,
    next,
  ]);
  return `# Errors

Every error that Cordon names. A code never changes its meaning. \`fault\` says who has to act: the caller of a function, the operator of Cordon, or Cordon itself. Callers see the code, a sentence and a request id, never a stack or a cause; the id finds the log line.

This file is generated from \`src/contract/errors.ts\`.

${table(['Code', 'Status', 'Fault', 'What it means', 'What to do'], rows)}
`;
}

/** docs/LIMITS.md from the table of limits. */
export function limitsMarkdown(limits: Readonly<Record<string, LimitRow>>): string {
  const rows = Object.entries(limits).map(([name, { value, unit, why }]) => [
    `\`${name}\``,
    quantity(value, unit),
    why,
  ]);
  return `# Limits

Every bound that Cordon sets by itself. A manifest changes those of its functions within the ceilings below.

This file is generated from \`src/contract/limits.ts\`.

${table(['Limit', 'Value', 'Of what'], rows)}
`;
}

/** A value as a person reads it: whole binary units, whole seconds, thousands set apart. */
function quantity(value: number, unit: string): string {
  if (unit === 'ms' && value >= 1000 && value % 1000 === 0) return `${(value / 1000).toLocaleString('en')} s`;
  if (unit !== 'bytes')
    return unit === 'count' ? value.toLocaleString('en') : `${value.toLocaleString('en')} ${unit}`;
  let [amount, step] = [value, 0];
  while (amount >= 1024 && amount % 1024 === 0 && step < BYTE_UNITS.length - 1) {
    amount /= 1024;
    step += 1;
  }
  return `${amount.toLocaleString('en')} ${BYTE_UNITS[step] ?? 'bytes'}`;
}
