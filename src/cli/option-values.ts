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

/** One more header of a request. */
export function header(text: string, before: readonly [string, string][] = []): [string, string][] {
  const match = /^([^:\s]+):[ \t]*(.*)$/.exec(text);
  if (match === null) throw new InvalidArgumentError('A header is written as "name: value".');
  return [...before, [match[1] ?? '', match[2] ?? '']];
}
