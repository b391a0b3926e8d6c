import type { Requirement } from '../sandbox/index.ts';

/** What `cordon up` and `cordon dev` need of the composition root. */
export interface ServerOptions {
  readonly dataDirectory: string;
  readonly gateway: { readonly host: string; readonly port: number };
  readonly control: { readonly host: string; readonly port: number };
  readonly unsafeNoSandbox: boolean;
  /** Anonymous sandboxes kept warm. */
  readonly poolSize?: number;
}

/** A server that has started. */
export interface RunningServer {
  readonly gatewayUrl: string;
  readonly controlUrl: string;
  /** Shown once: not null only at the first start of a data folder. */
  readonly firstToken: string | null;
  /** Name of the isolation adapter. */
  readonly isolation: string;
  readonly confines: boolean;
  /** Drains and stops. */
  close(): Promise<void>;
}

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
