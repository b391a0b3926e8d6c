/** An object whose bytes are durable and that nobody can see yet. */
export interface InspectedObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** The Content-Type that came with it. */
  readonly declaredType: string | null;
  /** Bytes from `start` up to, not including, `end`. */
  read(start: number, end: number): Promise<Uint8Array>;
  stream(): AsyncIterable<Uint8Array>;
}

/** What one source takes. */
export interface UploadRules {
  /** Content types, also such as `image/*`, which never covers SVG; null: whatever. */
  readonly types: readonly string[] | null;
  /** Null: whatever fits into a bucket. */
  readonly bytesMax: number | null;
}

/** Why an object is not taken. Stable: operators filter by it. */
export type RejectReason =
  'name-hidden' | 'name-mismatch' | 'type-declared' | 'type-refused' | 'too-large' | ProblemCode | 'malware';

/** What the code in the sandbox may say, and nothing else. */
export const PROBLEM_CODES = [
  'polyglot',
  'text-invalid',
  'unreadable',
  'archive-unreadable',
  'archive-path',
  'archive-link',
  'archive-duplicate',
  'archive-device',
  'archive-encrypted',
  'archive-entries',
  'archive-bomb',
  'archive-depth',
  'archive-too-large',
] as const;

export type ProblemCode = (typeof PROBLEM_CODES)[number];

export type Verdict =
  | { readonly kind: 'pass'; /** Told from the bytes. */ readonly type: string }
  | {
      readonly kind: 'reject';
      readonly code:
        | 'CORDON_UPLOAD_NAME_REFUSED'
        | 'CORDON_UPLOAD_TYPE_REFUSED'
        | 'CORDON_UPLOAD_TOO_LARGE'
        | 'CORDON_UPLOAD_ARCHIVE_REFUSED'
        | 'CORDON_UPLOAD_MALWARE';
      readonly reason: RejectReason;
      /** For the operator, never for the caller. */
      readonly detail: string;
    };
