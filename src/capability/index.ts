/**
 * What functions can be granted: each capability is a contract, a half on the host that does it, and a half
 * in the guest that code uses. A capability judges and serves; it never decides who is asking.
 */
export type { CallerContext, Capability, Decision } from './port.ts';
export type { StorageEnvironment } from './environment.ts';
export type { KvOptions } from './kv/host.ts';
export type { Sealer } from './sealer.ts';
export { PipeCapability } from './pipe/host.ts';
export type { PipeConsumer, PipeDirectory, PipeOptions } from './pipe/host.ts';
export { ServiceCapability } from './service/host.ts';
export type { ServiceDirectory, ServiceTarget } from './service/host.ts';
export { openStorageCapabilities } from './storage.ts';
export type { StorageCapabilities } from './storage.ts';
export { createConnectCapability } from './connect/index.ts';
export type { ConnectOptions } from './connect/index.ts';
export { createFetchCapability } from './fetch/index.ts';
export type { FetchCapability, FetchOptions, FetchTimeouts } from './fetch/index.ts';
export type { Admission, BucketAdmission, NewObject, ObjectOrigin } from './bucket/admission.ts';
export type { RejectedObject, RejectedObjects } from './bucket/rejected.ts';
export { BucketObjects } from './bucket/objects.ts';
export type { BucketPlace, ObjectDetail, StoredObject, TransferChecksum } from './bucket/objects.ts';
export { listObjects } from './bucket/listing.ts';
export { MultipartUploads } from './bucket/multipart.ts';
export type { OpenUpload, PartDetail, StoredPart, UploadDetail } from './bucket/multipart.ts';
export type { HttpMetadata } from './bucket/contract.ts';
export { grantedValues } from './granted-values.ts';
export { recordDenial, redactDenials } from './denials.ts';
export { SecretHandles, createRedactor, createSecretCapability, secretVariables } from './secret/index.ts';
export type { HandleOwner, RedactionStream, Redactor, SecretSource } from './secret/index.ts';
