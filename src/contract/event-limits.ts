import { limit } from './limit.ts';
import type { LimitRow } from './limit.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND_MS = 1000;
const DAY_MS = 24 * 3600 * SECOND_MS;

/** The bounds of events, their sources and their delivery; a part of `LIMITS`. */
export const EVENT_LIMITS = {
  // The log
  eventBytesMax: limit(256 * KIB, 'bytes', 'data of one event'),
  eventAttributesMax: limit(64, 'count', 'attributes of one event'),
  eventAttributeBytesMax: limit(4 * KIB, 'bytes', 'one attribute of an event, in UTF-8'),
  eventBatchMax: limit(100, 'count', 'events that are accepted in one go'),
  eventHopsMax: limit(16, 'count', 'events and calls in a chain, each set off by the one before'),
  instanceHopsKept: limit(
    256,
    'count',
    'requests that ended in an instance of which is remembered what stood behind them',
  ),
  eventsWaitingMax: limit(2_000_000, 'count', 'events that wait in one lane'),
  eventsWaitingBytesMax: limit(4 * 1024 * MIB, 'bytes', 'data of the events that wait in one lane'),
  eventDuplicateWindowMs: limit(DAY_MS, 'ms', 'time within which events with the same key are one'),
  eventRetentionMs: limit(14 * DAY_MS, 'ms', 'age at which an event that nobody takes becomes a dead letter'),
  deadRetentionMs: limit(30 * DAY_MS, 'ms', 'age at which a dead letter is removed'),
  eventAttemptsKept: limit(10, 'count', 'failed attempts of an event whose reasons are kept'),
  eventListMax: limit(1_000, 'count', 'events in one answer to a list'),
  eventLaneCharactersMax: limit(2_048, 'count', 'characters in the name of a lane that an operator asks for'),
  eventSweepIntervalMs: limit(
    60 * SECOND_MS,
    'ms',
    'time between two removals of what is past its retention',
  ),
  eventSweepBatchMax: limit(1_000, 'count', 'rows that are removed in one transaction'),
  eventDelayMsMax: limit(DAY_MS, 'ms', 'time before the first delivery of an event'),
  eventReasonBytesMax: limit(KIB, 'bytes', 'reason of one failed attempt, in UTF-8'),
  eventsFullRetryMs: limit(5 * SECOND_MS, 'ms', 'time after which who met a full lane may send again'),
  eventOrderWindowMax: limit(256, 'count', 'due events of an ordered lane that are looked at in one go'),
  eventOrderWindowsMax: limit(64, 'count', 'windows of an ordered lane that one claim looks at'),
  deadLettersMax: limit(100_000, 'count', 'dead letters of one lane; the oldest beyond are removed'),
  deadLetterBytesMax: limit(
    4 * 1024 * MIB,
    'bytes',
    'data of the dead letters of one lane; the oldest beyond are removed',
  ),
  pipeBatchBytesMax: limit(MIB, 'bytes', 'data of the events of one send along a pipe'),
  eventRetryAfterMsMax: limit(3600 * SECOND_MS, 'ms', 'time that a producer is asked to wait'),
  clockJumpMsMin: limit(5 * SECOND_MS, 'ms', 'by which the clock has to be set to count as set'),
  clockJumpPauseMs: limit(3600 * SECOND_MS, 'ms', 'time after the clock was set in which nothing expires'),
  // Delivery
  eventsInFlightMax: limit(1_000, 'count', 'events that are being delivered on one node'),
  eventSuspectsMax: limit(10_000, 'count', 'events in memory that were in an instance when it ended'),
  eventAloneAttemptsMax: limit(3, 'count', 'times that an event asks in vain for an instance for itself'),
  eventLeaseSlackMs: limit(
    30 * SECOND_MS,
    'ms',
    'time past `limits.time` after which an attempt is taken for lost',
  ),
  eventsClaimedMax: limit(16, 'count', 'events of one lane that are taken at once to be run one by one'),
  eventOutcomeBytesMax: limit(64 * KIB, 'bytes', 'what a handler says of its events'),
  eventPauseMs: limit(
    SECOND_MS,
    'ms',
    'pause of the events of a lane or a function when the platform could not run them',
  ),
  eventWindowHalfLifeMs: limit(
    5 * SECOND_MS,
    'ms',
    'time without events after which half as many runs may start at once',
  ),
  eventSettleAttemptsMax: limit(5, 'count', 'attempts at keeping how events ended'),
  eventLanesShownMax: limit(100, 'count', 'lanes of a status whose oldest event is looked up'),
  eventPlacesReservedForRequests: limit(
    20,
    'count',
    'percent of the places of a function that answers requests which events leave free',
  ),
  eventSandboxesReservedForRequests: limit(
    1,
    'count',
    'warm sandboxes that events leave while requests wait',
  ),
  eventsQueuedPerFunctionMax: limit(
    250,
    'count',
    'waiting requests and runs of one function beyond which no run of events may wait',
  ),
  eventsQueuedTotalMax: limit(
    1_000,
    'count',
    'waiting requests and runs of a node beyond which no run of events may wait',
  ),
  // Sources in the manifest
  sourcesPerFunctionMax: limit(50, 'count', 'sources of one function'),
  sourceAttemptsMax: limit(100, 'count', 'attempts at an event that a manifest may ask for'),
  sourceBackoffMsMax: limit(DAY_MS, 'ms', 'pause between two attempts that a manifest may ask for'),
  sourceBatchWaitMsMax: limit(
    60 * SECOND_MS,
    'ms',
    'wait for a batch to become full that a manifest may ask for',
  ),
  // Schedules
  cronCharactersMax: limit(128, 'count', 'characters of a cron expression'),
  cronHorizonYears: limit(5, 'count', 'years within which a cron expression has to name a time'),
  scheduleLateMs: limit(60 * SECOND_MS, 'ms', 'delay from which a tick of a schedule counts as missed'),
  scheduleCatchUpMax: limit(100, 'count', 'missed ticks of one schedule that are made up for'),
  scheduleCheckMs: limit(60 * SECOND_MS, 'ms', 'time after which schedules look at the clock again'),
  scheduleRetryMs: limit(
    5 * SECOND_MS,
    'ms',
    'time after which a tick that could not be kept is tried again',
  ),
  cronTimesKept: limit(64, 'count', 'parsed cron expressions in memory'),
  schedulesAtOnceMax: limit(64, 'count', 'schedules whose ticks are being kept at once'),
} as const satisfies Record<string, LimitRow>;
