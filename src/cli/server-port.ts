import type { Requirement } from '../sandbox/index.ts';
import type { RunningServer, ServerOptions } from '../server/index.ts';

export type { RunningServer, ServerOptions } from '../server/index.ts';

export type StartServer = (options: ServerOptions) => Promise<RunningServer>;

/** Loads the server only when a command starts one. */
export const startServerLazily: StartServer = async (options) => {
  const { startServer } = await import('../server/index.ts');
  return startServer(options);
};

/** What the isolation adapter needs of this machine, for `cordon doctor`. */
export async function requirementsLazily(): Promise<Requirement[]> {
  const { bubblewrapRequirements } = await import('../sandbox/index.ts');
  return bubblewrapRequirements();
}
