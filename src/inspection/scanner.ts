/** The port of virus scanners. Adapter: ClamAV. */
export interface Scanner {
  /** The name of what was found; null: nothing. Errors: CORDON_UPLOAD_UNCHECKED when it cannot be told. */
  scan(bytes: AsyncIterable<Uint8Array>, size: number): Promise<string | null>;
}
