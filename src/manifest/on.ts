import { z } from 'zod';
import { LIMITS } from '../contract/index.ts';
import { CONTENT_TYPE } from './content-types.ts';
import { parseRate } from './route.ts';
import type { DeliverySpec, SourceSpec } from './sources.ts';
import { byteSize, duration } from './units.ts';

const NAME = /^[a-z][a-z0-9-]{0,62}$/;
// Without control characters and lone surrogates, neither of which a key has.
const PREFIX = /^[^\p{Cc}\p{Cs}]*$/u;
const EVENT_TYPE = /^[\x21-\x7e]{1,255}$/;
const QUOTA = /^[1-9][0-9]{0,8}\/(?:s|min|h|day)(?: burst [1-9][0-9]{0,8})?$/;
const PREFIX_CHARACTERS_MAX = 512;
const TYPES_MAX = 50;
const SECOND_MS = 1000;

export const SOURCE_KINDS = ['upload', 'queue', 'cron', 'pipe'] as const;

/** What a source has that says no more than where events come from. */
const DELIVERY = { attempts: 5, backoffMs: SECOND_MS, backoffMsMax: 300 * SECOND_MS } as const;
const BATCH_DEFAULT = 10;

const name = (what: string) =>
  z.string().regex(NAME, {
    error: `expected ${what}: lower-case letters, digits and hyphens, starting with a letter, at most 63 characters`,
  });

const backoff = duration({ min: 10, max: LIMITS.sourceBackoffMsMax.value });

const delivery = {
  attempts: z
    .int()
    .min(1)
    .max(LIMITS.sourceAttemptsMax.value)
    .optional()
    .describe('Attempts before an event is a dead letter. Default: 5.'),
  backoff: backoff
    .optional()
    .describe(
      'Time before the second attempt; it doubles with each further one, with jitter. Default: "1s".',
    ),
  backoffMax: backoff.optional().describe('Longest time between two attempts. Default: "5m".'),
  quota: z
    .string()
    .regex(QUOTA, { error: 'expected a quota such as "600/min" or "10/s burst 50"' })
    .optional()
    .describe('Events of all who send together, beyond which they are refused, such as "600/min".'),
};

const upload = z.strictObject({
  upload: name('the name of a bucket').describe('Bucket whose new objects run the function.'),
  prefix: z
    .string()
    .max(PREFIX_CHARACTERS_MAX)
    .regex(PREFIX, { error: 'expected a prefix without control characters' })
    .optional()
    .describe('Keys that it is about. Default: all of the bucket.'),
  types: z
    .array(
      z.string().regex(CONTENT_TYPE, {
        error:
          'expected a content type in lower case such as "image/png" or "image/*"; without `types` all of them are taken',
      }),
    )
    .min(1)
    .max(TYPES_MAX)
    .optional()
    .describe(
      'Content types of objects, told from their bytes. HTML and XML (SVG too) only where they are named, never by a wildcard. Default: all.',
    ),
  max: byteSize({ min: 1, max: LIMITS.bucketObjectBytesMax.value })
    .optional()
    .describe('Largest object, such as "10MiB".'),
  ...delivery,
});

const queue = z.strictObject({
  queue: name('the name of a queue').describe('Queue whose messages run the function.'),
  batch: z
    .int()
    .min(1)
    .max(LIMITS.eventBatchMax.value)
    .optional()
    .describe('Most messages of one batch. Default: 10.'),
  batchWait: duration({ min: 0, max: LIMITS.sourceBatchWaitMsMax.value })
    .optional()
    .describe('Longest wait for a batch to become full. Default: a batch is what is there.'),
  ordered: z.boolean().optional().describe('True: messages of one sender come one after the other.'),
  ...delivery,
});

const cron = z.strictObject({
  cron: z
    .string()
    .min(1)
    .max(LIMITS.cronCharactersMax.value)
    .describe('Five fields such as "0 7 * * 1-5", or six with seconds first.'),
  timezone: z.string().min(1).max(64).optional().describe('IANA time zone. Default: "UTC".'),
  catchUp: z
    .enum(['none', 'last', 'all'])
    .optional()
    .describe('Which ticks are made up for after a stop. Default: "none".'),
  ...delivery,
});

const pipe = z.strictObject({
  pipe: name('the name of a function').describe('Function of the same app whose events run this one.'),
  types: z
    .array(z.string().regex(EVENT_TYPE, { error: 'expected a type of event such as "order.paid"' }))
    .min(1)
    .max(TYPES_MAX)
    .optional()
    .describe('Types of its events. Default: all.'),
  ordered: z.boolean().optional().describe('True: events with one subject come one after the other.'),
  ...delivery,
});

/** A source of events in the manifest. Which form it is shows in the key that names what it is about. */
export const sourceSchema = z.union([upload, queue, cron, pipe]);

export type ParsedSource = z.output<typeof sourceSchema>;

/** Fills in what a manifest leaves out. */
export function resolveSource(parsed: ParsedSource): SourceSpec {
  const rest = resolveDelivery(parsed);
  if ('upload' in parsed) {
    return {
      kind: 'upload',
      bucket: parsed.upload,
      prefix: parsed.prefix ?? '',
      types: parsed.types ?? null,
      bytesMax: parsed.max ?? null,
      ...rest,
    };
  }
  if ('queue' in parsed) {
    return {
      kind: 'queue',
      queue: parsed.queue,
      batch: parsed.batch ?? BATCH_DEFAULT,
      batchWaitMs: parsed.batchWait ?? 0,
      ordered: parsed.ordered ?? false,
      ...rest,
    };
  }
  if ('cron' in parsed) {
    return {
      kind: 'cron',
      expression: parsed.cron,
      timezone: parsed.timezone ?? 'UTC',
      catchUp: parsed.catchUp ?? 'none',
      ...rest,
    };
  }
  return {
    kind: 'pipe',
    from: parsed.pipe,
    types: parsed.types ?? null,
    ordered: parsed.ordered ?? false,
    ...rest,
  };
}

/** A longer first pause than the default one raises the longest pause along with it. */
function resolveDelivery(parsed: ParsedSource): DeliverySpec {
  const backoffMs = parsed.backoff ?? Math.min(DELIVERY.backoffMs, parsed.backoffMax ?? Infinity);
  return {
    attempts: parsed.attempts ?? DELIVERY.attempts,
    backoffMs,
    backoffMsMax: parsed.backoffMax ?? Math.max(DELIVERY.backoffMsMax, backoffMs),
    // Of the source as a whole: whoever sends counts together, so that it is the project's and nobody's own.
    quota: parsed.quota === undefined ? null : parseRate(quotaAsRate(parsed.quota)),
  };
}

function quotaAsRate(quota: string): string {
  const [rate = '', ...burst] = quota.split(' ');
  return [rate, 'per project', ...burst].join(' ');
}
