/**
 * An instance: one sandbox and the host's end of its channel. It turns requests into streams of frames with
 * flow control, deadlines and bounds, and kills a guest that breaks the protocol or its time limit.
 */
export { HOPS_FIELD, hopsOf } from './hops.ts';
export { Instance } from './instance.ts';
export type { InstanceObserver } from './instance-observer.ts';
export type { Assignment, Loaded } from './loading.ts';
export type {
  CallFailure,
  CallHandler,
  CallOpener,
  CallReply,
  Exchange,
  ExchangeRequest,
  FlatHeaders,
  GuestCall,
  ResponseSink,
} from './port.ts';
