/**
 * The way out of the machine. A name is looked up here and nowhere else, every address it has is judged, and
 * the connection goes to those addresses. It refuses private, local, reserved and metadata addresses, and
 * the spellings and embeddings that hide them. Who may go where is not decided here.
 */
export { judgeAddress, literalAddress } from './addresses.ts';
export type { AddressVerdict } from './addresses.ts';
export { SystemResolver } from './resolver.ts';
export type { Resolver } from './resolver.ts';
export { Guard } from './guard.ts';
export type { GuardOptions } from './guard.ts';
export { asEgressError, dialTcp, guardedConnector } from './dial.ts';
export type { ConnectorOptions } from './dial.ts';
