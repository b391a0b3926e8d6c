import { pino } from 'pino';
import { escapeJsonControls } from './plain-text.ts';

type Write = (facts: Readonly<Record<string, unknown>>, message: string) => void;

/** The server's own log: what an operator of the process reads, not the evidence about functions. */
export interface ServerLog {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  /** An error goes in as `err`; its stack and its causes are written. */
  readonly error: Write;
}

export interface ServerLogOptions {
  /** Default `info`. */
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Where the lines go; standard error for a server. */
  readonly stream: { write(line: string): unknown };
}

/** Writes one JSON object a line: `level`, `time` (RFC 3339), `msg` and the facts, control characters escaped. */
export function createServerLog(options: ServerLogOptions): ServerLog {
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      hooks: { streamWrite: escapeJsonControls },
    },
    options.stream,
  );
  return {
    debug: (facts, message) => logger.debug(facts, message),
    info: (facts, message) => logger.info(facts, message),
    warn: (facts, message) => logger.warn(facts, message),
    error: (facts, message) => logger.error(facts, message),
  };
}
