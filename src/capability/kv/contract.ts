import { z } from 'zod';

/** Which operation of a grant each call needs; the guest's methods map to these. */
export const getArguments = z.strictObject({
  key: z.string(),
  /** True: the metadata is wanted too. */
  metadata: z.boolean().optional(),
});

export const putArguments = z.strictObject({
  key: z.string(),
  /** Seconds since the epoch. */
  expiration: z.number().nullable().optional(),
  /** Seconds from now. */
  expirationTtl: z.number().nullable().optional(),
  /** JSON text; null for none. */
  metadata: z.string().nullable().optional(),
});

export const deleteArguments = z.strictObject({ key: z.string() });

export const listArguments = z.strictObject({
  prefix: z.string().optional(),
  limit: z.number().int().min(1).max(1000).optional(),
  cursor: z.string().nullable().optional(),
});

/** Answer to `get`; null when there is no such key. The value is the body. */
export interface GetAnswer {
  /** JSON text; null for none. Only when asked for. */
  readonly metadata?: string | null;
  /** Bytes of a value that streams. */
  readonly size?: number;
}

export interface ListedKey {
  readonly name: string;
  /** Seconds since the epoch. */
  readonly expiration?: number;
  /** JSON text. */
  readonly metadata?: string;
}

export interface ListAnswer {
  readonly keys: readonly ListedKey[];
  /** Null: the list is complete. */
  readonly cursor: string | null;
}
