/**
 * The buckets for clients of S3. Promises: a request is served only when an access key signed it and may do
 * exactly this; an object appears whole or not at all, with the checksums that its client gave found to be
 * right; an operation does all that its request says. Refuses, with the codes of S3: what is not in
 * `operations/table.ts`, in whole, instead of half; keys that hide or climb; XML with a DTD; forms whose
 * policy does not name each field. What exists outside of a key's scope is not told from what does not.
 */
export { openS3Server } from './s3-server.ts';
export type { S3Server } from './s3-server.ts';
export type { S3AccessKeys, S3Caller, S3Limits, S3Options, S3Use } from './port.ts';
export { AccessSigner } from './auth/index.ts';
export type { PostFormWish, PresignWish, SignedForm, SignedUrl } from './auth/index.ts';
