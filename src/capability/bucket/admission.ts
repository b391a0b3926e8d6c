import type { CordonError } from '../../contract/index.ts';
import type { Write } from '../../store/index.ts';
import type { BucketPlace, ObjectDetail } from './objects.ts';

/** On whose behalf an object is put. */
export interface ObjectOrigin {
  /** How many events and calls stand behind it: 0 for one from outside. */
  readonly hops: number;
  /** `app/function`, or the access key of a client. */
  readonly actor: string;
}

/** An object whose bytes are durable and that nobody can see yet. */
export interface NewObject {
  readonly version: string;
  /** Bytes. */
  readonly size: number;
  readonly detail: ObjectDetail;
  /** Bytes from `start` up to, not including, `end`. */
  read(start: number, end: number): Promise<Uint8Array>;
  stream(): AsyncGenerator<Uint8Array>;
}

export type Admission =
  | {
      readonly kind: 'pass';
      /** Become durable in the commit that makes the object visible. */
      readonly writes: readonly Write[];
      /** Is called once that was acknowledged, with the rows changed by `writes`. */
      committed(changes: readonly number[]): void;
      /** Is called when the object did not become visible. */
      failed(): void;
    }
  | {
      readonly kind: 'reject';
      /** What the caller gets. */
      readonly error: CordonError;
      /** A stable word. */
      readonly reason: string;
      /** For the operator. */
      readonly note: string;
    };

/** The most bytes of an object, and what is thrown at one more. */
export interface BytesBound {
  readonly bytesMax: number;
  tooLarge(): CordonError;
}

/** The port of what objects have to pass before they are seen in a bucket. */
export interface BucketAdmission {
  /** Before any byte is taken: the most that may come, or null for no bound. Errors: CORDON_EVENT_HOPS. */
  expect(place: BucketPlace, origin: ObjectOrigin): BytesBound | null;
  /** What it throws refuses the object, and nothing of it is kept. */
  admit(place: BucketPlace, object: NewObject, origin: ObjectOrigin): Promise<Admission>;
}
