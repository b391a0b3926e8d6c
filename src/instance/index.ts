/**
 * An instance: one sandbox and the host's end of its channel. It turns requests into streams of frames with
 * flow control, deadlines and bounds, and kills a guest that breaks the protocol or its time limit.
 */
export { Instance } from './instance.ts';
export type { Assignment, InstanceObserver, Loaded } from './instance.ts';
export type { Exchange, ExchangeRequest, FlatHeaders, ResponseSink } from './port.ts';
