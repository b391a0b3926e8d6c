/** TCP to granted hosts and ports. See `createConnectCapability`. */
export { createConnectCapability } from './host.ts';
export type { ConnectOptions } from './host.ts';
export type { ConnectAnswer, ConnectArgs } from './contract.ts';
