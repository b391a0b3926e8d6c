/**
 * The protocol between the host and the code in a sandbox: length-prefixed frames over one duplex channel.
 * It has no types of Node or Deno, because both sides compile it. The host treats every byte of a guest
 * as hostile: sizes are bounded before anything is buffered.
 */
export {
  CALL_STREAM_BIT,
  ChannelViolation,
  FLAG,
  FRAME,
  FrameDecoder,
  HEADER_BYTES,
  LOG_LEVELS,
  decodeClose,
  decodeCredit,
  decodeHead,
  encodeClose,
  encodeCredit,
  encodeFrame,
  encodeHead,
  writeHeader,
} from './frames.ts';
export type { FrameType } from './frames.ts';
export type {
  AssignHead,
  AssignedHead,
  Bindings,
  CallHead,
  EventAbout,
  EventHandlerName,
  EventHead,
  EventOutcome,
  FailureHead,
  GuestError,
  QueueMessageHead,
  ReplyHead,
  RequestHead,
  ResponseHead,
} from './messages.ts';
