import { limit } from './limit.ts';
import type { LimitRow } from './limit.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND_MS = 1000;
const DAY_MS = 24 * 3600 * SECOND_MS;

/** The bounds of uploads, their inspection and the S3 endpoint; a part of `LIMITS`. */
export const UPLOAD_LIMITS = {
  // Access keys and their signatures
  accessKeysMax: limit(1_000, 'count', 'access keys of one project'),
  accessKeyNameBytesMax: limit(100, 'bytes', 'name of an access key, in UTF-8'),
  accessKeyBucketsMax: limit(50, 'count', 'buckets that one access key names'),
  s3ClockSkewMs: limit(15 * 60_000, 'ms', 'difference between the time of a signed request and the server'),
  s3PresignedMsMax: limit(7 * 24 * 3_600_000, 'ms', 'time for which a presigned URL or form can be used'),
  s3SignedFieldsMax: limit(100, 'count', 'header fields that one signature covers'),
  s3ChunkBytesMin: limit(8 * 1024, 'bytes', 'signed chunk of a body that is not the last'),
  s3ChunkLineBytesMax: limit(256, 'bytes', 'line before a chunk of a body'),
  s3TrailerBytesMax: limit(1024, 'bytes', 'trailer of a chunked body'),
  s3PolicyBytesMax: limit(16 * 1024, 'bytes', 'policy of a form, decoded'),
  s3PolicyConditionsMax: limit(100, 'count', 'conditions in the policy of a form'),
  // The S3 endpoint
  s3ConnectionsMax: limit(1_000, 'count', 'open connections to the S3 endpoint'),
  s3RequestsMax: limit(1_000, 'count', 'requests to the S3 endpoint that are served at the same time'),
  s3QueryParametersMax: limit(64, 'count', 'parameters in the query of an S3 request'),
  s3XmlBytesMax: limit(2 * MIB, 'bytes', 'XML in the body of an S3 request'),
  s3XmlDepthMax: limit(8, 'count', 'elements inside of each other in the XML of an S3 request'),
  s3XmlElementsMax: limit(100_000, 'count', 'elements in the XML of an S3 request'),
  s3DeleteKeysMax: limit(1_000, 'count', 'keys in one DeleteObjects'),
  s3ListMax: limit(1_000, 'count', 'objects, parts or uploads in one answer of the S3 endpoint'),
  s3PartBytesMin: limit(5 * MIB, 'bytes', 'part of a multipart upload, other than the last one'),
  s3PartNumberMax: limit(10_000, 'count', 'highest number of a part of a multipart upload'),
  s3UploadsOpenMax: limit(1_000, 'count', 'multipart uploads of one project that are open'),
  s3UploadOpenMs: limit(7 * DAY_MS, 'ms', 'age at which a multipart upload that nobody finished is removed'),
  s3UploadSweepMs: limit(10 * 60 * SECOND_MS, 'ms', 'time between two removals of such uploads'),
  s3UploadSweepBatchMax: limit(100, 'count', 'uploads that are removed in one transaction'),
  s3FormFieldsMax: limit(100, 'count', 'fields of an upload form'),
  s3FormBytesMax: limit(64 * KIB, 'bytes', 'fields of an upload form before its file, headers included'),
  s3FormHeaderBytesMax: limit(4 * KIB, 'bytes', 'headers of one field of an upload form'),
  s3OriginsMax: limit(100, 'count', 'origins whose pages may use the S3 endpoint'),
  // Inspection
  uploadHeadBytesMax: limit(
    64 * KIB,
    'bytes',
    'start and end of an upload in which traces of another type are looked for',
  ),
  uploadSniffBytesMax: limit(
    1 * MIB,
    'bytes',
    'upload that is sniffed in one piece, in a sandbox shared with others',
  ),
  uploadSniffsMax: limit(
    100,
    'count',
    'uploads that are sniffed in one sandbox before another takes its place',
  ),
  uploadSniffTimeMs: limit(5 * SECOND_MS, 'ms', 'time to tell the type of an upload'),
  uploadArchiveBytesMax: limit(
    256 * MIB,
    'bytes',
    'archive or image that can be inspected; a larger one is rejected',
  ),
  uploadInspectTimeMs: limit(60 * SECOND_MS, 'ms', 'time to read an archive, an image or a text to its end'),
  uploadInspectMemoryBytes: limit(
    256 * MIB,
    'bytes',
    'memory to inspect one archive or image, besides its own bytes',
  ),
  uploadEntriesMax: limit(10_000, 'count', 'entries of an archive, those of archives in it included'),
  uploadUnpackedBytesMax: limit(1024 * MIB, 'bytes', 'what an archive unpacks to, archives in it included'),
  uploadUnpackedRatioMax: limit(200, 'count', 'times that an archive may grow when it is unpacked'),
  uploadUnpackedBytesFree: limit(10 * MIB, 'bytes', 'what an archive may unpack to whatever its ratio is'),
  uploadNestedBytesMax: limit(32 * MIB, 'bytes', 'archive within an archive'),
  uploadArchiveDepthMax: limit(2, 'count', 'levels of archives within an archive'),
  uploadEntryNameBytesMax: limit(4 * KIB, 'bytes', 'name of an entry of an archive'),
  uploadInspectionsMax: limit(16, 'count', 'inspections at one time'),
  uploadInspectionsWaitingMax: limit(240, 'count', 'uploads that wait to be inspected'),
  uploadScanTimeMs: limit(120 * SECOND_MS, 'ms', 'time that a virus scanner may take for one upload'),
  // What was rejected
  rejectedObjectsMax: limit(10_000, 'count', 'rejected objects that are kept aside'),
  rejectedBytesMax: limit(10 * 1024 * MIB, 'bytes', 'rejected objects that are kept aside, together'),
  rejectedRetentionMs: limit(30 * DAY_MS, 'ms', 'time that a rejected object is kept aside'),
  rejectedSweepIntervalMs: limit(
    3600 * SECOND_MS,
    'ms',
    'time between two removals of rejected objects past their retention',
  ),
  rejectedListMax: limit(1_000, 'count', 'rejected objects in one answer to a list'),
  rejectedPieceBytesMax: limit(1 * MIB, 'bytes', 'piece of a rejected object in one answer'),
} as const satisfies Record<string, LimitRow>;
