/**
 * The port of immutable blobs, addressed by their SHA-256. Adapters: files (embedded), later S3.
 */
export interface ObjectStore {
  /** Stores bytes durably and returns their lower-case hex SHA-256. Idempotent. Errors: CORDON_STORE_FULL, CORDON_STORE_FAILED. */
  put(bytes: Uint8Array): Promise<string>;
  /** The bytes, verified against the hash. Errors: CORDON_OBJECT_MISSING, CORDON_OBJECT_CORRUPT. */
  get(sha256: string): Promise<Uint8Array>;
  has(sha256: string): Promise<boolean>;
  delete(sha256: string): Promise<void>;
}
