import { z } from 'zod';

/** What the data of an event is, and the `datacontenttype` that says so. */
export const DATA_TYPES = {
  json: 'application/json',
  text: 'text/plain; charset=utf-8',
  bytes: 'application/octet-stream',
} as const;
export type DataType = keyof typeof DATA_TYPES;

/** CloudEvents 1.0.2, section 3.1: a String has no control characters and no lone surrogates. */
const attribute = z.string().regex(/^[^\p{Cc}\p{Cs}]+$/u, 'expected a text without control characters');

const event = z.strictObject({
  type: z.string(),
  /** Null: there is no data. */
  contentType: z.enum(['json', 'text', 'bytes']).nullable(),
  bytes: z.number().int().min(0),
  subject: attribute.optional(),
  id: attribute.optional(),
  delaySeconds: z.number().min(0).optional(),
});

/** Events in the order of their data, which are the body of the call one after the other. */
export const sendArguments = z.strictObject({ events: z.array(event).min(1) });
export type EventToSend = z.output<typeof event>;
