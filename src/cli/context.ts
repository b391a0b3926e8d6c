import { ControlClient } from '../client/index.ts';
import type { Requirement } from '../sandbox/index.ts';
import { loadCredentials } from './credentials.ts';
import type { StartServer } from './server-port.ts';
import type { Surroundings, Terminal } from './terminal.ts';

/** What every command gets. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly surroundings: Surroundings;
  readonly startServer: StartServer;
  /** What the sandbox needs of this machine. */
  readonly requirements: () => Promise<Requirement[]>;
  /** For a command that runs until it is stopped: fires at SIGINT and SIGTERM, which no longer end the process. */
  readonly untilStopped: () => AbortSignal;
}

/** A client for the saved or named server. Errors: CORDON_TOKEN_MISSING, CORDON_CREDENTIALS_INVALID. */
export async function connect(context: CommandContext): Promise<ControlClient> {
  return new ControlClient(await loadCredentials(context.surroundings));
}
