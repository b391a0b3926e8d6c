/**
 * The composition root: everything that a running server is made of, put together in one place.
 */
export { startServer } from './start-server.ts';
export type { RunningServer, ServerOptions } from './start-server.ts';
