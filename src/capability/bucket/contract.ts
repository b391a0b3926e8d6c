import { z } from 'zod';

export const CHECKSUMS = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'] as const;
export type ChecksumName = (typeof CHECKSUMS)[number];

const HEX_DIGITS: Readonly<Record<ChecksumName, number>> = {
  md5: 32,
  sha1: 40,
  sha256: 64,
  sha384: 96,
  sha512: 128,
};

const checksum = (name: ChecksumName) =>
  z
    .string()
    .regex(/^[0-9a-f]+$/)
    .length(HEX_DIGITS[name])
    .optional();

const etags = z.array(z.string().max(256)).max(100).optional();
const time = z.number().finite().optional();

/** Times are milliseconds since the epoch; `*` stands for any etag. */
export const conditionalSchema = z.strictObject({
  etagMatches: etags,
  etagDoesNotMatch: etags,
  uploadedBefore: time,
  uploadedAfter: time,
  secondsGranularity: z.boolean().optional(),
});
export type Conditional = z.output<typeof conditionalSchema>;

const text = z.string().max(8192).optional();

export const httpMetadataSchema = z.strictObject({
  contentType: text,
  contentLanguage: text,
  contentDisposition: text,
  contentEncoding: text,
  cacheControl: text,
  /** Milliseconds since the epoch. */
  cacheExpiry: time,
});
export type HttpMetadata = z.output<typeof httpMetadataSchema>;

export const customMetadataSchema = z.record(z.string(), z.string());

const size = z.number().int().min(0);

export const rangeSchema = z.union([
  z.strictObject({ offset: size, length: size.optional() }),
  z.strictObject({ offset: size.optional(), length: size }),
  z.strictObject({ suffix: size }),
]);
export type RequestedRange = z.output<typeof rangeSchema>;

export const headArguments = z.strictObject({ key: z.string() });

export const getArguments = z.strictObject({
  key: z.string(),
  range: rangeSchema.optional(),
  onlyIf: conditionalSchema.optional(),
});

export const putArguments = z.strictObject({
  key: z.string(),
  httpMetadata: httpMetadataSchema.optional(),
  customMetadata: customMetadataSchema.optional(),
  /** Lower-case hex. */
  checksums: z
    .strictObject({
      md5: checksum('md5'),
      sha1: checksum('sha1'),
      sha256: checksum('sha256'),
      sha384: checksum('sha384'),
      sha512: checksum('sha512'),
    })
    .optional(),
  onlyIf: conditionalSchema.optional(),
});

export const deleteArguments = z.strictObject({ keys: z.array(z.string()).min(1).max(1000) });

export const listArguments = z.strictObject({
  prefix: z.string().optional(),
  delimiter: z.string().max(1024).optional(),
  cursor: z.string().optional(),
  startAfter: z.string().optional(),
  limit: z.number().int().min(1).max(1000).optional(),
  include: z
    .array(z.enum(['httpMetadata', 'customMetadata']))
    .max(2)
    .optional(),
});

/** What the guest is told about an object. */
export interface ObjectAnswer {
  readonly key: string;
  readonly version: string;
  readonly size: number;
  readonly etag: string;
  /** Lower-case hex by name. */
  readonly checksums: Readonly<Partial<Record<ChecksumName, string>>>;
  /** Milliseconds since the epoch. */
  readonly uploaded: number;
  readonly httpMetadata?: HttpMetadata;
  readonly customMetadata?: Readonly<Record<string, string>>;
}

/** Answer to `get`; null when there is no such object. */
export interface GetAnswer {
  readonly object: ObjectAnswer;
  /** The part that the body is; null: the condition failed and there is no body. */
  readonly range: { readonly offset: number; readonly length: number } | null;
}

export interface ListAnswer {
  readonly objects: readonly ObjectAnswer[];
  readonly delimitedPrefixes: readonly string[];
  /** Null: the list is complete. */
  readonly cursor: string | null;
}
