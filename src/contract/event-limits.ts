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
  eventsWaitingMax: limit(2_000_000, 'count', 'events that wait in one lane'),
  eventsWaitingBytesMax: limit(4 * 1024 * MIB, 'bytes', 'data of the events that wait in one lane'),
  eventDuplicateWindowMs: limit(DAY_MS, 'ms', 'time within which events with the same key are one'),
  eventRetentionMs: limit(14 * DAY_MS, 'ms', 'age at which an event that nobody takes becomes a dead letter'),
  deadRetentionMs: limit(30 * DAY_MS, 'ms', 'age at which a dead letter is removed'),
  eventAttemptsKept: limit(10, 'count', 'failed attempts of an event whose reasons are kept'),
  eventListMax: limit(1_000, 'count', 'events in one answer to a list'),
  eventSweepIntervalMs: limit(
    60 * SECOND_MS,
    'ms',
    'time between two removals of what is past its retention',
  ),
  eventSweepBatchMax: limit(1_000, 'count', 'rows that are removed in one transaction'),
  // Delivery
  eventsInFlightMax: limit(1_000, 'count', 'events that are being delivered on one node'),
  eventLeaseSlackMs: limit(
    30 * SECOND_MS,
    'ms',
    'time past `limits.time` after which an attempt is taken for lost',
  ),
} as const satisfies Record<string, LimitRow>;
