import type { RateSpec } from './route.ts';

/** How events of a source are delivered. */
export interface DeliverySpec {
  /** Attempts before an event is a dead letter. Default 5. */
  readonly attempts: number;
  /** Time before the second attempt, ms; it doubles with each further one, with jitter. Default 1 s. */
  readonly backoffMs: number;
  /** Longest time between two attempts, ms. Default 5 min. */
  readonly backoffMsMax: number;
  /** What may be accepted from the source, beyond which producers are refused; null: no quota. */
  readonly quota: RateSpec | null;
}

/** Objects that are put into a bucket, by whomever: `event(cloudEvent)`. */
export interface UploadSource extends DeliverySpec {
  readonly kind: 'upload';
  readonly bucket: string;
  /** Keys that it is about; '' for all. */
  readonly prefix: string;
  /** Content types that objects there may have, told from their bytes; null: whatever. */
  readonly types: readonly string[] | null;
  /** Largest object, bytes; null: `bucketObjectBytesMax`. */
  readonly bytesMax: number | null;
}

/** Messages of a queue: `queue(batch)`. A queue has one consumer in a project. */
export interface QueueSource extends DeliverySpec {
  readonly kind: 'queue';
  readonly queue: string;
  /** Most messages of one batch. Default 10. */
  readonly batch: number;
  /** Longest time that a batch waits to become full, ms. Default 0: a batch is what is there. */
  readonly batchWaitMs: number;
  /** Messages of one sender are delivered one after the other. */
  readonly ordered: boolean;
}

/** Ticks of a clock: `scheduled(controller)`. */
export interface CronSource extends DeliverySpec {
  readonly kind: 'cron';
  /** Five fields, or six with seconds first. */
  readonly expression: string;
  /** IANA time zone. Default UTC. */
  readonly timezone: string;
  /** What is done about ticks that were missed: nothing, the last one, or all up to `scheduleCatchUpMax`. Default none. */
  readonly catchUp: 'none' | 'last' | 'all';
}

/** Events that another function of the app sends along a declared edge: `event(cloudEvent)`. */
export interface PipeSource extends DeliverySpec {
  readonly kind: 'pipe';
  /** Function that sends. */
  readonly from: string;
  /** Types of its events that it takes; null: all. */
  readonly types: readonly string[] | null;
  /** Events with the same subject are delivered one after the other. */
  readonly ordered: boolean;
}

/** What makes a function run besides requests. */
export type SourceSpec = UploadSource | QueueSource | CronSource | PipeSource;
