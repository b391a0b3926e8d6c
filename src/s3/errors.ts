interface S3ErrorRow {
  readonly status: number;
  /** What the caller reads; says nothing about what the store holds. */
  readonly message: string;
}

function row(status: number, message: string): S3ErrorRow {
  return { status, message };
}

/**
 * The error codes of S3 that this endpoint answers with, by their names, which clients compare and retry on.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
export const S3_ERRORS = {
  // Who asks.
  AccessDenied: row(403, 'Access Denied'),
  SignatureDoesNotMatch: row(403, 'The signature does not match what the key and the request give.'),
  InvalidAccessKeyId: row(403, 'The access key is not known.'),
  RequestTimeTooSkewed: row(403, 'The time of the request is too far from the time of the server.'),
  AuthorizationHeaderMalformed: row(400, 'The authorization header is malformed.'),
  AuthorizationQueryParametersError: row(400, 'The query parameters of the signature are malformed.'),
  InvalidPolicyDocument: row(400, 'The policy of the form is not valid.'),
  MalformedPOSTRequest: row(400, 'The form is not well-formed multipart/form-data with the expected fields.'),
  // What the request says.
  InvalidArgument: row(400, 'An argument of the request is not valid.'),
  InvalidRequest: row(400, 'The request is not valid.'),
  InvalidURI: row(400, 'The URI cannot be read in one way only.'),
  InvalidBucketName: row(400, 'The name of the bucket is not valid.'),
  InvalidRange: row(416, 'The range cannot be satisfied.'),
  InvalidPart: row(400, 'A part was not found, or is not the one that is named.'),
  InvalidPartOrder: row(400, 'The parts are not in ascending order.'),
  KeyTooLongError: row(400, 'The key is too long.'),
  MetadataTooLarge: row(400, 'The metadata is larger than allowed.'),
  MalformedXML: row(400, 'The XML is not well-formed or not of the expected form.'),
  MethodNotAllowed: row(405, 'The method is not allowed for this resource.'),
  NotImplemented: row(501, 'The request asks for something that is not implemented.'),
  PreconditionFailed: row(412, 'A condition of the request does not hold.'),
  // Bodies.
  MissingContentLength: row(411, 'The length of the body has to be given.'),
  IncompleteBody: row(400, 'The body does not have the length that was given.'),
  EntityTooLarge: row(400, 'The body is larger than allowed.'),
  EntityTooSmall: row(400, 'The body is smaller than allowed.'),
  XAmzContentSHA256Mismatch: row(400, 'The body does not have the SHA-256 that was signed.'),
  BadDigest: row(400, 'The body does not have the checksum that was given.'),
  InvalidDigest: row(400, 'The checksum is not of the right form.'),
  InvalidChunkSizeError: row(400, 'Only the last chunk may be this small.'),
  MalformedTrailerError: row(400, 'The trailer is not well-formed or not the one that was announced.'),
  // What is there, and how the server is.
  NoSuchBucket: row(404, 'The bucket does not exist.'),
  NoSuchKey: row(404, 'The key does not exist.'),
  NoSuchUpload: row(404, 'The upload does not exist; it may have been completed or aborted.'),
  OperationAborted: row(409, 'Another operation on the same resource is under way.'),
  RequestTimeout: row(400, 'The body was not sent in time.'),
  SlowDown: row(503, 'Please reduce the rate of requests.'),
  ServiceUnavailable: row(503, 'Please retry later.'),
  InternalError: row(500, 'An internal error occurred; please retry.'),
} as const satisfies Record<string, S3ErrorRow>;

export type S3ErrorCode = keyof typeof S3_ERRORS;

/** What there is about a refusal besides its code. */
export interface S3ErrorDetails {
  /** Why, for the operator alone: it goes into the evidence, never into the answer. */
  readonly reason?: string;
  readonly cause?: unknown;
  /** Id of the access key that was claimed, known or not; its failures are counted by it. Default: null. */
  readonly claimed?: string | null;
}

/** A refusal that is answered in the words of S3. Its `message` may be shown to anyone. */
export class S3Error extends Error {
  override readonly name = 'S3Error';
  readonly code: S3ErrorCode;
  /** Of the answer. */
  readonly status: number;
  /** For the operator alone; the message where nothing more is known. */
  readonly reason: string;
  /** Id of the access key that the request claimed; null where it claimed none that could be read. */
  readonly claimed: string | null;

  constructor(code: S3ErrorCode, { reason, cause, claimed = null }: S3ErrorDetails = {}) {
    const { status, message } = S3_ERRORS[code];
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = status;
    this.reason = reason ?? message;
    this.claimed = claimed;
  }

  /** The same refusal, of a request that claims a key. */
  claimedBy(id: string): S3Error {
    return new S3Error(this.code, { reason: this.reason, claimed: id, cause: this.cause });
  }
}
