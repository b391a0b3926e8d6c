import { z } from 'zod';
import { LIMITS } from '../contract/index.ts';
import { ACCESS_OPERATIONS } from '../identity/index.ts';
import { nameSchema } from './schema.ts';

const time = z.number().describe('Milliseconds since the Unix epoch.');
const bucket = nameSchema.describe('Name of a bucket.');
const prefix = z
  .string()
  .max(LIMITS.bucketKeyBytesMax.value)
  .describe('What the keys of objects have to start with; empty: any.');

export const accessKeyIdSchema = z
  .string()
  .regex(/^[A-Z0-9]{20}$/)
  .describe('Id of an access key: 20 capitals and digits.');

const scope = {
  buckets: z
    .array(bucket)
    .min(1)
    .max(LIMITS.accessKeyBucketsMax.value)
    .describe('Buckets that the key is for, by name.'),
  can: z.array(z.enum(ACCESS_OPERATIONS)).min(1).describe('What it may do with their objects.'),
};

export const newAccessKeySchema = z.strictObject({
  name: z.string().min(1).max(LIMITS.accessKeyNameBytesMax.value).describe('Whose key it is, for people.'),
  ...scope,
  prefix: prefix.default(''),
  expiresAt: time.nullable().default(null).describe('Null: never.'),
});

export const accessKeySchema = z.object({
  id: z.string(),
  name: z.string(),
  ...scope,
  prefix,
  createdAt: time,
  expiresAt: time.nullable(),
  usedAt: time.nullable().describe('Written once a minute.'),
});

const signing = {
  accessKey: accessKeyIdSchema
    .nullable()
    .default(null)
    .describe('Key to sign with; null: the only one that may do this.'),
  endpoint: z
    .url({ protocol: /^https?$/ })
    .max(1024)
    .nullable()
    .default(null)
    .describe('Base URL by which the S3 endpoint is reached; null: its own.'),
  bucket,
  key: z.string().max(LIMITS.bucketKeyBytesMax.value),
  expiresMs: z
    .int()
    .min(1000)
    .max(LIMITS.s3PresignedMsMax.value)
    .describe('How long what is signed can be used, in ms.'),
};

export const presignSchema = z.strictObject({
  ...signing,
  method: z.enum(['GET', 'HEAD', 'PUT', 'DELETE']),
  key: signing.key.min(1).describe('Of the object.'),
});

export const postFormSchema = z.strictObject({
  ...signing,
  key: signing.key.describe('Of the object; with `isPrefix` what it starts with.'),
  isPrefix: z.boolean().default(false).describe('The name of the file follows the key.'),
  contentType: z
    .string()
    .min(1)
    .max(256)
    .nullable()
    .default(null)
    .describe('That the form has to give; with `*` at the end what it starts with. Null: it gives none.'),
  fileBytesMax: z.int().min(0).max(LIMITS.bucketObjectBytesMax.value),
  redirect: z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .nullable()
    .default(null)
    .describe('Where the browser goes after an upload. Null: it stays.'),
});

export const signedUrlSchema = z.object({
  url: z.string(),
  accessKey: z.string().describe('What it was signed with.'),
  expiresAt: time,
});

export const signedFormSchema = signedUrlSchema.extend({
  fields: z
    .array(z.object({ name: z.string(), value: z.string() }))
    .describe('Fields of the form, in their order; the file follows them as `file`.'),
});
