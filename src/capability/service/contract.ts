import { z } from 'zod';

/** Field names and values in turn. */
const flatHeaders = z.array(z.string());

export const fetchArguments = z.strictObject({
  method: z.string(),
  url: z.string(),
  headers: flatHeaders,
  /** Whether the call has a body. */
  body: z.boolean(),
});

/** Answer to `fetch`; the body follows. */
export interface FetchAnswer {
  readonly status: number;
  /** Field names and values in turn. */
  readonly headers: readonly string[];
}
