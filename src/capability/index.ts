/**
 * What functions can be granted: each capability is a contract, a half on the host that does it, and a half
 * in the guest that code uses. A capability judges and serves; it never decides who is asking.
 */
export type { CallerContext, Capability, Decision } from './port.ts';
