import { S3Error } from '../errors.ts';
import type { S3Answer, S3Call, S3Use } from '../port.ts';
import { completeUpload } from './complete-upload.ts';
import { copyObject } from './copy-object.ts';
import { deleteObject, deleteObjects } from './delete-objects.ts';
import {
  createBucket,
  getBucketLocation,
  getBucketVersioning,
  headBucket,
  listBuckets,
} from './list-buckets.ts';
import { listObjectsV1, listObjectsV2 } from './list-objects.ts';
import { listParts, listUploads } from './list-uploads.ts';
import { putObject } from './put-object.ts';
import { readObject } from './read-object.ts';
import { abortUpload, createUpload, uploadPart, uploadPartCopy } from './upload-parts.ts';

/** An operation of S3, how it is told from others, and all that it understands. */
export interface S3Operation {
  /** As the reference of S3 has it. */
  readonly name: string;
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  readonly level: 'service' | 'bucket' | 'object';
  /** Parameters that have to be there. */
  readonly marks: readonly string[];
  /** True: it names a source by `x-amz-copy-source`. */
  readonly copies: boolean;
  /** Further parameters that it understands. */
  readonly parameters: readonly string[];
  /** Further fields that it understands, of those that begin with `x-amz-` or `if-`; one that ends with `-` stands for all that begin so. */
  readonly fields: readonly string[];
  /** What its caller has to be allowed to; null: to see the bucket. */
  readonly use: S3Use['operation'] | null;
  readonly run: (call: S3Call) => S3Answer | Promise<S3Answer>;
}

const CHECKSUMS = [
  'x-amz-checksum-crc32',
  'x-amz-checksum-crc32c',
  'x-amz-checksum-crc64nvme',
  'x-amz-checksum-sha1',
  'x-amz-checksum-sha256',
] as const;
const ALGORITHM = 'x-amz-checksum-algorithm';
const OF_READ = [
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'x-amz-checksum-mode',
];
const OF_WRITE = ['if-match', 'if-none-match'];
const OF_OBJECT = ['x-amz-meta-', 'x-amz-acl', 'x-amz-storage-class'];
const OF_SOURCE = [
  'x-amz-copy-source',
  'x-amz-copy-source-if-match',
  'x-amz-copy-source-if-none-match',
  'x-amz-copy-source-if-modified-since',
  'x-amz-copy-source-if-unmodified-since',
];
const OVERRIDES = [
  'response-content-type',
  'response-content-language',
  'response-expires',
  'response-cache-control',
  'response-content-disposition',
  'response-content-encoding',
];
const LISTING = ['prefix', 'delimiter', 'max-keys', 'encoding-type'];

/** Fields that any request may have: they are of the signature and the framing, or of no effect. */
const ANY_FIELDS: readonly string[] = [
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-decoded-content-length',
  'x-amz-sdk-checksum-algorithm',
  'x-amz-trailer',
  'x-amz-user-agent',
];

/** Fields that have an effect with any value but this one. */
const ONLY_VALUES: ReadonlyMap<string, string> = new Map([
  ['x-amz-acl', 'private'],
  ['x-amz-storage-class', 'STANDARD'],
]);

function row(
  name: string,
  [method, level, ...marks]: readonly [S3Operation['method'], S3Operation['level'], ...string[]],
  use: S3Operation['use'],
  run: S3Operation['run'],
  more: Partial<Pick<S3Operation, 'parameters' | 'fields' | 'copies'>> = {},
): S3Operation {
  return { name, method, level, marks, use, run, copies: false, parameters: [], fields: [], ...more };
}

/**
 * Everything that the endpoint does. A request that asks for more, in its query or its fields, is refused:
 * half of what it says would be done. Of two rows that fit, the first is meant.
 */
export const OPERATIONS: readonly S3Operation[] = [
  row('ListBuckets', ['GET', 'service'], null, listBuckets),
  row('CreateBucket', ['PUT', 'bucket'], null, createBucket, { fields: ['x-amz-acl'] }),
  row('HeadBucket', ['HEAD', 'bucket'], null, headBucket),
  row('GetBucketLocation', ['GET', 'bucket', 'location'], null, getBucketLocation),
  row('GetBucketVersioning', ['GET', 'bucket', 'versioning'], null, getBucketVersioning),
  row('ListMultipartUploads', ['GET', 'bucket', 'uploads'], 'list', listUploads, {
    parameters: ['prefix', 'key-marker', 'upload-id-marker', 'max-uploads', 'encoding-type'],
  }),
  row('ListObjectsV2', ['GET', 'bucket', 'list-type'], 'list', listObjectsV2, {
    parameters: [...LISTING, 'continuation-token', 'start-after', 'fetch-owner'],
  }),
  row('ListObjects', ['GET', 'bucket'], 'list', listObjectsV1, { parameters: [...LISTING, 'marker'] }),
  // Each of its keys is judged by itself.
  row('DeleteObjects', ['POST', 'bucket', 'delete'], null, deleteObjects, { fields: CHECKSUMS }),
  row('ListParts', ['GET', 'object', 'uploadId'], 'put', listParts, {
    parameters: ['max-parts', 'part-number-marker', 'encoding-type'],
  }),
  row('GetObject', ['GET', 'object'], 'get', (call) => readObject(call, true), {
    parameters: OVERRIDES,
    fields: OF_READ,
  }),
  row('HeadObject', ['HEAD', 'object'], 'get', (call) => readObject(call, false), {
    parameters: OVERRIDES,
    fields: OF_READ,
  }),
  row('UploadPartCopy', ['PUT', 'object', 'partNumber', 'uploadId'], 'put', uploadPartCopy, {
    copies: true,
    fields: [...OF_SOURCE, 'x-amz-copy-source-range'],
  }),
  row('UploadPart', ['PUT', 'object', 'partNumber', 'uploadId'], 'put', uploadPart, { fields: CHECKSUMS }),
  row('CopyObject', ['PUT', 'object'], 'put', copyObject, {
    copies: true,
    fields: [...OF_SOURCE, ...OF_OBJECT, ...OF_WRITE, 'x-amz-metadata-directive', ALGORITHM],
  }),
  row('PutObject', ['PUT', 'object'], 'put', putObject, {
    fields: [...OF_OBJECT, ...OF_WRITE, ...CHECKSUMS],
  }),
  row('CreateMultipartUpload', ['POST', 'object', 'uploads'], 'put', createUpload, {
    fields: [...OF_OBJECT, ALGORITHM, 'x-amz-checksum-type'],
  }),
  row('CompleteMultipartUpload', ['POST', 'object', 'uploadId'], 'put', completeUpload, {
    fields: [...OF_WRITE, ...CHECKSUMS, 'x-amz-checksum-type'],
  }),
  row('AbortMultipartUpload', ['DELETE', 'object', 'uploadId'], 'put', abortUpload),
  row('DeleteObject', ['DELETE', 'object'], 'delete', deleteObject),
];

/** What a request says of the operation that it means. */
export interface Asked {
  readonly method: string;
  readonly level: S3Operation['level'];
  readonly parameters: ReadonlyMap<string, string>;
  readonly fields: ReadonlyMap<string, string>;
}

/** The operation that a request means. Errors: NotImplemented for what is not understood as a whole, MethodNotAllowed. */
export function operationOf(asked: Asked): S3Operation {
  const { method, level, parameters, fields } = asked;
  const copies = fields.has('x-amz-copy-source');
  const found = OPERATIONS.find(
    (operation) =>
      operation.method === method &&
      operation.level === level &&
      operation.copies === copies &&
      operation.marks.every((mark) => parameters.has(mark)),
  );
  if (found === undefined) {
    const isKnown = OPERATIONS.some((operation) => operation.method === method);
    throw new S3Error(isKnown ? 'NotImplemented' : 'MethodNotAllowed', { reason: `${method} of a ${level}` });
  }
  for (const name of parameters.keys())
    // `x-id` repeats the name of the operation, for the logs of who made the client.
    if (name !== 'x-id' && !found.marks.includes(name) && !found.parameters.includes(name))
      throw new S3Error('NotImplemented', { reason: `parameter ${name} of ${found.name}` });
  for (const [name, value] of fields) {
    if (!name.startsWith('x-amz-') && !name.startsWith('if-')) continue;
    const only = ONLY_VALUES.get(name);
    const isMeant = understands(found, name) && (only === undefined || value === '' || value === only);
    if (!isMeant) throw new S3Error('NotImplemented', { reason: `field ${name} of ${found.name}` });
  }
  return found;
}

function understands(operation: S3Operation, name: string): boolean {
  if (ANY_FIELDS.includes(name)) return true;
  return operation.fields.some((known) => (known.endsWith('-') ? name.startsWith(known) : name === known));
}
