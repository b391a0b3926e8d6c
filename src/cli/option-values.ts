import { InvalidArgumentError } from 'commander';

/** A TCP port; 0 lets the system choose. */
export function port(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65_535)
    throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return value;
}

/** Whole percent. */
export function percent(text: string): number {
  if (!/^(?:\d{1,2}|100)$/.test(text)) throw new InvalidArgumentError('Give whole percent, 0 to 100.');
  return Number(text);
}

/** How many rows. */
export function count(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text) || Number(text) > 1000)
    throw new InvalidArgumentError('Give a number from 1 to 1000.');
  return Number(text);
}

/** How many sandboxes. */
export function size(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError('Give a number from 0 to 999.');
  return Number(text);
}

/** One more text of a list. */
export function listed(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

const MS_BY_UNIT: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000 };

/** A moment in the future, as a date or as the time until then. Output: ms since the epoch. */
export function moment(text: string): number {
  const [, amount = '', unit = ''] = /^([1-9][0-9]{0,4})([hd])$/.exec(text) ?? [];
  if (amount !== '') return Date.now() + Number(amount) * (MS_BY_UNIT[unit] ?? Number.NaN);
  const time = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?Z)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time) || time <= Date.now())
    throw new InvalidArgumentError('Give a time to come such as 90d, 12h, 2030-01-31 or 2030-01-31T12:00Z.');
  return time;
}

const SPAN_MS_BY_UNIT: Readonly<Record<string, number>> = { s: 1000, m: 60_000, ...MS_BY_UNIT };

/** How long something goes on. Output: ms. */
export function span(text: string): number {
  const [, amount = '', unit = ''] = /^([1-9][0-9]{0,6})([smhd])$/.exec(text) ?? [];
  if (amount === '') throw new InvalidArgumentError('Give a time such as 30s, 15m, 12h or 7d.');
  return Number(amount) * (SPAN_MS_BY_UNIT[unit] ?? Number.NaN);
}

const BYTES_BY_UNIT: Readonly<Record<string, number>> = {
  ...{ B: 1, KB: 1000, MB: 1000 ** 2, GB: 1000 ** 3 },
  ...{ KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 },
};

/** How much data. Output: bytes. */
export function bytes(text: string): number {
  const [, amount = '', unit = ''] = /^(0|[1-9][0-9]{0,9})(B|KB|MB|GB|KiB|MiB|GiB)$/.exec(text) ?? [];
  if (amount === '') throw new InvalidArgumentError('Give a size such as 500KB or 10MiB.');
  return Number(amount) * (BYTES_BY_UNIT[unit] ?? Number.NaN);
}

/** One more claim of a caller. A name that comes again makes a list. */
export function claim(
  text: string,
  before: Readonly<Record<string, string | string[]>> = {},
): Record<string, string | string[]> {
  const [, name, value] = /^([^=]+)=([^]*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError('A claim is written as name=value.');
  const known = Object.hasOwn(before, name) ? before[name] : undefined;
  return { ...before, [name]: known === undefined ? value : [known, value].flat() };
}

/** A JSON object. */
export function jsonObject(text: string): Record<string, unknown> {
  let value: unknown = null;
  try {
    value = JSON.parse(text);
  } catch {
    // Said below.
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new InvalidArgumentError('Write a JSON object, such as \'{"owner":"ana"}\'.');
}

/** One more header of a request. */
export function header(text: string, before: readonly [string, string][] = []): [string, string][] {
  const match = /^([^:\s]+):[ \t]*(.*)$/.exec(text);
  if (match === null) throw new InvalidArgumentError('A header is written as "name: value".');
  return [...before, [match[1] ?? '', match[2] ?? '']];
}
