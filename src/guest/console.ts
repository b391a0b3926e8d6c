import { AsyncLocalStorage } from 'node:async_hooks';
import { FRAME, LOG_LEVELS } from '../channel/index.ts';
import type { Wire } from './wire.ts';

const TEXT_MAX = 16 * 1024;
const encoder = new TextEncoder();

/** Stream of the request whose code runs now; 0 outside of any. */
export const currentStream = new AsyncLocalStorage<number>();

/** Sends `console` to the host, each line with the request it belongs to. */
export function installConsole(wire: Wire): void {
  const write = (level: (typeof LOG_LEVELS)[number], values: readonly unknown[]): void => {
    const text = values.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' ');
    const bounded = text.length > TEXT_MAX ? text.slice(0, TEXT_MAX) : text;
    wire.send(FRAME.log, LOG_LEVELS.indexOf(level), currentStream.getStore() ?? 0, encoder.encode(bounded));
  };
  const console = globalThis.console;
  console.debug = (...values) => write('debug', values);
  console.trace = (...values) => write('debug', values);
  console.log = (...values) => write('info', values);
  console.info = (...values) => write('info', values);
  console.dir = (value) => write('info', [value]);
  console.table = (value) => write('info', [value]);
  console.warn = (...values) => write('warn', values);
  console.error = (...values) => write('error', values);
  console.assert = (condition, ...values: unknown[]) => {
    if (!condition) write('error', ['Assertion failed:', ...values]);
  };
}

function inspect(value: unknown): string {
  try {
    return Deno.inspect(value, { colors: false, depth: 6, strAbbreviateSize: TEXT_MAX });
  } catch {
    return '[value that cannot be shown]';
  }
}
