import { setTimeout as pause } from 'node:timers/promises';
import type { CallResult, ControlClient } from '../../client/index.ts';
import { connect, type CommandContext } from '../context.ts';
import { EXIT } from '../report.ts';
import { printable, type Terminal } from '../terminal.ts';

interface LogsOptions {
  readonly app?: string;
  readonly function?: string;
  readonly request?: string;
  readonly follow?: true;
  readonly limit: number;
  readonly security?: true;
}

type Line = CallResult<'GET /v1/logs/stream'>;
type SecurityEvent = CallResult<'GET /v1/security-events'>['events'][number];

/** Time between two looks for new security events, in ms. */
const EVENTS_POLL_MS = 1000;

const LEVEL_STYLE = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' } as const;
const SEVERITY_STYLE = { info: 'dim', low: 'green', medium: 'yellow', high: 'red' } as const;

/** Shows log lines or security events, and waits for more with --follow. */
export async function logs(
  context: CommandContext,
  _args: readonly string[],
  given: object,
): Promise<number> {
  const options = given as LogsOptions;
  const client = await connect(context);
  return options.security === true
    ? showEvents(context, client, options)
    : showLines(context, client, options);
}

function filterOf(options: LogsOptions): { app?: string; function?: string; request?: string } {
  const { app, function: name, request } = options;
  return {
    ...(app === undefined ? {} : { app }),
    ...(name === undefined ? {} : { function: name }),
    ...(request === undefined ? {} : { request }),
  };
}

async function showLines(
  context: CommandContext,
  client: ControlClient,
  options: LogsOptions,
): Promise<number> {
  const { terminal } = context;
  const filter = filterOf(options);
  const { lines } = await client.call('GET /v1/logs', { query: { ...filter, limit: options.limit } });
  for (const line of lines) printLine(terminal, line);
  if (options.follow !== true) return EXIT.ok;
  const after = lines.at(-1)?.sequence ?? 0;
  await follow(context, client, { ...filter, after }, context.untilStopped());
  return EXIT.ok;
}

/** Prints new lines until the signal fires. */
export async function follow(
  context: CommandContext,
  client: ControlClient,
  query: {
    readonly app?: string;
    readonly function?: string;
    readonly request?: string;
    readonly after?: number;
  },
  signal: AbortSignal,
): Promise<void> {
  for await (const line of client.stream('GET /v1/logs/stream', { query, signal }))
    printLine(context.terminal, line);
}

async function showEvents(
  context: CommandContext,
  client: ControlClient,
  options: LogsOptions,
): Promise<number> {
  let after: number | undefined;
  const show = async (): Promise<void> => {
    const { events } = await client.call('GET /v1/security-events', {
      query: { after, limit: options.limit },
    });
    after ??= 0;
    for (const event of events) {
      after = Math.max(after, event.sequence);
      if (wanted(event, options)) printEvent(context.terminal, event);
    }
  };
  await show();
  if (options.follow !== true) return EXIT.ok;
  const signal = context.untilStopped();
  while (!signal.aborted) {
    await pause(EVENTS_POLL_MS, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) await show();
  }
  return EXIT.ok;
}

function wanted(event: SecurityEvent, options: LogsOptions): boolean {
  return (
    (options.app === undefined || event.app === options.app) &&
    (options.function === undefined || event.function === options.function)
  );
}

function clock(time: number): string {
  return new Date(time).toISOString().slice(0, 23).replace('T', ' ');
}

/** Prints one log line. */
export function printLine(terminal: Terminal, line: Line): void {
  terminal.result(line);
  const level = terminal.style(LEVEL_STYLE[line.level], line.level.padEnd(5));
  const source = line.source === 'platform' ? 'cordon: ' : '';
  const where = `${line.app}/${line.function}`;
  const request = line.request === null ? '' : ` ${terminal.style('dim', line.request)}`;
  terminal.line(
    `${terminal.style('dim', clock(line.time))} ${level} ${where}${request} ${source}${printable(line.message)}`,
  );
}

function printEvent(terminal: Terminal, event: SecurityEvent): void {
  terminal.result(event);
  const severity = terminal.style(SEVERITY_STYLE[event.severity], event.severity.padEnd(6));
  const where =
    event.app === null ? '' : ` ${event.app}${event.function === null ? '' : `/${event.function}`}`;
  const detail = Object.keys(event.detail).length === 0 ? '' : ` ${printable(JSON.stringify(event.detail))}`;
  terminal.line(
    `${terminal.style('dim', clock(event.time))} ${severity} ${event.kind}${where} ${event.reason}${detail}`,
  );
}
