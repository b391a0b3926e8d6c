import { z } from 'zod';

/** `v8` of Workers travels as JSON. */
export const CONTENT_TYPES = ['json', 'text', 'bytes'] as const;
export type ContentType = (typeof CONTENT_TYPES)[number];

/** Type of the event that a message is. */
export const MESSAGE_TYPE = 'cordon.queue.message';

/** The `datacontenttype` of a message, by which its consumer tells what it is again. */
export const DATA_TYPES: Readonly<Record<ContentType, string>> = {
  json: 'application/json',
  text: 'text/plain',
  bytes: 'application/octet-stream',
};

export const sendArguments = z.strictObject({
  /** In the order of their bodies, which are the body of the call one after the other. */
  messages: z
    .array(
      z.strictObject({
        contentType: z.enum(CONTENT_TYPES),
        bytes: z.number().int().min(0),
        delaySeconds: z.number().min(0).optional(),
      }),
    )
    .min(1),
});
export type MessageHead = z.output<typeof sendArguments>['messages'][number];
