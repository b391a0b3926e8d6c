/**
 * The client of the control API, for the command line and for programs. It promises that every failure
 * is a `CordonError`, and refuses to send a token in the clear to another machine or along a redirect.
 */
export { ControlClient } from './client.ts';
export type { CallInput, CallResult, ClientOptions, OperationKey } from './client.ts';
