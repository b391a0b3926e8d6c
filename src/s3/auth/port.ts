import type { Secret } from '../../contract/index.ts';

/** What a signature is checked with. */
export interface SigningKey {
  readonly id: string;
  readonly secret: Secret;
}

/** Finds the key with an id; null where there is none that may be used now. */
export type KeyLookup<Key extends SigningKey> = (id: string) => Promise<Key | null>;

/** A request as it arrived, nothing of it decoded. */
export interface SignedRequest {
  readonly method: string;
  /** The path of the request target, percent-encoded, without the query. */
  readonly path: string;
  /** What follows `?`, without it; empty for none. */
  readonly query: string;
  /** All header fields, flat: name, value, name, value. Bytes are the characters U+0000 to U+00FF. */
  readonly fields: readonly string[];
}

/** How the bytes of a body are vouched for. */
export type PayloadMode =
  /** `x-amz-content-sha256` is the hash of the body. */
  | 'sha256'
  /** Nothing but the transport vouches for the bytes. */
  | 'unsigned'
  /** Chunks, each signed after the one before. */
  | 'chunks'
  /** Signed chunks and a signed trailer. */
  | 'chunks-trailer'
  /** Chunks without signatures, and a trailer with a checksum. */
  | 'unsigned-trailer';

/** The checksums of S3, as they are named in `x-amz-checksum-algorithm`. */
export type ChecksumAlgorithm = 'CRC32' | 'CRC32C' | 'CRC64NVME' | 'SHA1' | 'SHA256';

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  /** In base64. */
  readonly value: string;
}

/**
 * The bytes of a body, without framing. What is read is not to be trusted before the end was reached: a body
 * that does not keep what was signed or announced throws an `S3Error` at its end at the latest.
 */
export interface VerifiedBody extends AsyncIterable<Uint8Array> {
  /** The checksum that the client gave and that was found to be right; null before the end, or without one. */
  readonly checksum: Checksum | null;
}

/** A request whose signature was found to be right, and what it says, read once. */
export interface VerifiedRequest<Key extends SigningKey = SigningKey> {
  readonly accessKey: Key;
  /** Whether the signature was in the query. */
  readonly isPresigned: boolean;
  readonly mode: PayloadMode;
  /** Decoded once, as it was signed; starts with `/`. */
  readonly path: string;
  /** Decoded as they were signed, without those of the signature; each name once. */
  readonly parameters: ReadonlyMap<string, string>;
  /**
   * Header fields by lower-case name, each once. `x-amz-*` parameters of a presigned request are among them,
   * and `content-encoding` is without `aws-chunked`.
   */
  readonly fields: ReadonlyMap<string, string>;
  /** Bytes of the body without framing; null where the request does not say. */
  readonly bodyBytes: number | null;
  /** Takes the body as it arrives and gives what it holds. To be called once. */
  body(source: AsyncIterable<Uint8Array>): VerifiedBody;
}

export interface VerifyOptions<Key extends SigningKey> {
  readonly lookup: KeyLookup<Key>;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Regions that a client may name. Default: `S3_REGIONS`. */
  readonly regions?: readonly string[];
}

/** A form that a browser sends, up to its file. */
export interface PostForm {
  /** Of the request target, which the policy has to allow. */
  readonly bucket: string;
  /** The fields before the file, in their order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** As the browser names the file; takes the place of `${filename}` in the key. */
  readonly filename: string | null;
}

/** A form whose policy was found to be signed and kept. */
export interface VerifiedForm<Key extends SigningKey = SigningKey> {
  readonly accessKey: Key;
  readonly key: string;
  /** The fields by lower-case name, without those of the signature. */
  readonly fields: ReadonlyMap<string, string>;
  /** Least and most bytes of the file. Whoever reads it refuses others: EntityTooSmall, EntityTooLarge. */
  readonly fileBytes: readonly [least: number, most: number];
}
