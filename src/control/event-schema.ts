import { z } from 'zod';
import { LIMITS } from '../contract/index.ts';

const time = z.number().describe('Milliseconds since the Unix epoch.');

export const laneSchema = z
  .string()
  .min(1)
  .max(LIMITS.eventLaneCharactersMax.value)
  .describe('Where events of one source wait for one consumer, such as queue:jobs.');

export const eventIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/)
  .describe('Id of an event in the log, not the `id` that its producer gave it.');

export const eventStateSchema = z.enum(['waiting', 'dead']);

export const eventIdsSchema = z.array(eventIdSchema).min(1).max(LIMITS.eventListMax.value);

export const eventRecordSchema = z.object({
  id: z.string(),
  lane: z.string(),
  state: eventStateSchema,
  attempts: z.number(),
  hops: z.number().describe('Events and calls that stand behind it in a chain.'),
  bytes: z.number().describe('Of its data.'),
  acceptedAt: time,
  at: time.describe('When it may be delivered next; of a dead one, when it died.'),
  reason: z.string().nullable().describe('Why it is dead, or why the last attempt failed.'),
});

export const eventDetailSchema = eventRecordSchema.extend({
  failures: z
    .array(z.object({ at: time, attempt: z.number(), reason: z.string() }))
    .describe('The last failed attempts, oldest first.'),
  event: z
    .record(z.string(), z.unknown())
    .describe('The event in the JSON format of CloudEvents 1.0 (application/cloudevents+json).'),
});

export const laneStatusSchema = z.object({
  lane: z.string(),
  waiting: z.number(),
  waitingBytes: z.number(),
  dead: z.number(),
});

export const sourceViewSchema = z.object({
  kind: z.enum(['upload', 'queue', 'cron', 'pipe']),
  about: z
    .string()
    .describe('Bucket and prefix, queue, expression and time zone, or the function that sends.'),
  lane: z.string().describe('Where its events wait.'),
});

const laneViewSchema = z.object({
  lane: z.string(),
  waiting: z.number().describe('Events that wait, those in flight included.'),
  dead: z.number(),
  oldestAt: time.nullable().describe('When the oldest that waits was accepted.'),
});

export const deliveryViewSchema = z.object({
  inFlight: z.number().describe('Events that are being delivered.'),
  draining: z.boolean(),
  functions: z.array(
    z.object({
      app: z.string(),
      function: z.string(),
      inFlight: z.number(),
      runs: z.number(),
      window: z.number().describe('Runs that may go on at once as things stand.'),
      windowMax: z.number(),
      lanes: z.array(laneViewSchema),
    }),
  ),
  unserved: z.array(laneViewSchema).describe('Lanes whose events no function takes now: they are kept.'),
});
