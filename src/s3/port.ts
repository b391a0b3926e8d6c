import type { BucketObjects, MultipartUploads } from '../capability/index.ts';
import type { Clock } from '../contract/index.ts';
import type { Evidence } from '../evidence/index.ts';
import type { TransportOptions } from '../transport/index.ts';
import type { SigningKey, VerifiedBody } from './auth/index.ts';

/** Who asks: an access key that was found and is valid now. */
export interface S3Caller extends SigningKey {
  readonly project: string;
  /** Buckets that the key names. */
  readonly buckets: readonly string[];
}

/** What a caller wants to do; reading the head of an object counts as `get`. */
export interface S3Use {
  readonly operation: 'get' | 'put' | 'delete' | 'list';
  readonly bucket: string;
  /** Of an object. */
  readonly key?: string;
  /** Of a list. */
  readonly prefix?: string;
}

/** The access keys that the endpoint takes; `AccessKeyStore` is this. */
export interface S3AccessKeys {
  /** Null where there is none, or it was revoked, or is past its time. */
  find(id: string): Promise<S3Caller | null>;
  allows(caller: S3Caller, use: S3Use): boolean;
}

export interface S3Options {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Null: plain HTTP. */
  readonly tls: TransportOptions['tls'];
  /** True: plain HTTP also on an address that others reach. Default: false. */
  readonly unsafePlaintext?: boolean;
  /** As the capability has them: `StorageCapabilities.objects` and `.uploads`. */
  readonly buckets: BucketObjects;
  readonly uploads: MultipartUploads;
  readonly accessKeys: S3AccessKeys;
  readonly clock: Clock;
  readonly evidence: Evidence;
  /** Origins whose pages may use the endpoint, as `https://example.org`. Default: none. */
  readonly origins?: readonly string[];
  /** Default: `LIMITS`. */
  readonly limits?: Partial<S3Limits>;
}

/** Bounds that a test may lower, in the units that their names end with. */
export interface S3Limits {
  readonly partBytesMin: number;
  readonly bodyIdleTimeoutMs: number;
  readonly connectionsMax: number;
  readonly requestsMax: number;
}

/** What operations work with. */
export interface S3Services extends Pick<S3Options, 'buckets' | 'uploads' | 'clock'> {
  readonly limits: S3Limits;
}

/** A request whose caller is known and whose operation is found. */
export interface S3Call {
  readonly services: S3Services;
  readonly caller: S3Caller;
  /** Empty where the request names none, as `key`. */
  readonly bucket: string;
  readonly key: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** By lower-case name. */
  readonly fields: ReadonlyMap<string, string>;
  /** Null where the request does not say. */
  readonly bodyBytes: number | null;
  /** Begins to read the body; once. */
  body(): VerifiedBody;
  allows(use: S3Use): boolean;
  /** Errors: AccessDenied, which is recorded. */
  demand(use: S3Use): void;
}

export interface S3Answer {
  readonly status: number;
  readonly fields: Readonly<Record<string, string | number>>;
  /** A text is XML. */
  readonly body: string | AsyncIterable<Uint8Array> | null;
}
