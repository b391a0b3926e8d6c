import type { CallHandler, CallReply, GuestCall } from '../instance/index.ts';
import type { Grants } from '../manifest/index.ts';

/** Who makes a call. All of it is known by the socket that the call came over; nothing is the guest's word. */
export interface CallerContext {
  readonly project: string;
  readonly app: string;
  readonly function: string;
  /** Id of the deployment. */
  readonly deployment: string;
  readonly instance: string;
  readonly grants: Grants;
}

/** A security decision about one call, recorded before it takes effect. */
export interface Decision {
  readonly outcome: 'allow' | 'deny';
  /** What the call is about, for records: `kv:orders`, `fetch:https://api.example.com`. At most 256 characters. */
  readonly resource: string;
  /** Grant that allows it, as a path in the manifest: `grants.kv.ORDERS`; for a denial the rule that failed. */
  readonly rule: string;
  /** For a denial: the manifest text that would allow exactly this. */
  readonly hint: string;
  /** What is done, for records, where the operation of the call says less: the method of a request. */
  readonly operation?: string;
}

/** One kind of capability: how a call to it is judged, and how it is done. */
export interface Capability {
  readonly name: keyof Grants;
  /** Pure and quick; it must not throw, whatever `call.args` is. */
  decide(context: CallerContext, call: GuestCall): Decision;
  /** Serves an allowed call. It must not throw: what goes wrong goes to `reply.fail` as a `CordonError`. */
  serve(context: CallerContext, call: GuestCall, reply: CallReply): CallHandler;
}
