import { z } from 'zod';

/** `v8` of Workers travels as JSON. */
export const CONTENT_TYPES = ['json', 'text', 'bytes'] as const;
export type ContentType = (typeof CONTENT_TYPES)[number];

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
