import { CordonError, LIMITS, newId } from '../contract/index.ts';
import type { Clock } from '../contract/index.ts';
import type {
  Admission,
  BucketAdmission,
  BucketPlace,
  NewObject,
  ObjectOrigin,
} from '../capability/index.ts';
import type { BoundSource, EventLog, NewEvent, SourceTable } from '../events/index.ts';
import type { Evidence, SecurityEvent } from '../evidence/index.ts';
import type { Inspector, RejectReason, Verdict } from '../inspection/index.ts';
import type { UploadSource } from '../manifest/index.ts';
import { Places } from './places.ts';

type Source = BoundSource<UploadSource>;
type Rejected = Extract<Verdict, { readonly kind: 'reject' }>;

const EVENT_TYPE = 'cordon.object.created';

export interface UploadAdmissionOptions {
  /** Of what is served; asked for each object. */
  readonly sources: () => SourceTable;
  readonly events: Pick<EventLog, 'prepare'>;
  readonly inspector: Pick<Inspector, 'inspect'>;
  readonly evidence: Pick<Evidence, 'record'>;
  readonly clock: Clock;
}

/**
 * Lets objects into buckets: one that a function waits for is inspected first, by the rules of every source that it
 * is for, and becomes visible in one commit with its events. An object that no source is about goes in unchecked.
 */
export class UploadAdmission implements BucketAdmission {
  readonly #options: UploadAdmissionOptions;
  readonly #places = new Places(LIMITS.uploadInspectionsMax.value, LIMITS.uploadInspectionsWaitingMax.value);

  constructor(options: UploadAdmissionOptions) {
    this.#options = options;
  }

  expect(
    place: BucketPlace,
    origin: ObjectOrigin,
  ): { readonly bytesMax: number; tooLarge(): CordonError } | null {
    const sources = this.#sourcesOf(place);
    if (sources.length === 0) return null;
    if (origin.hops > LIMITS.eventHopsMax.value) throw new CordonError('CORDON_EVENT_HOPS');
    const bytesMax = Math.min(...sources.map(({ spec }) => spec.bytesMax ?? Infinity));
    const tooLarge = (): CordonError => {
      const detail = `more than ${bytesMax} bytes`;
      this.#record(sources, place, origin, { reason: 'too-large', detail });
      return new CordonError('CORDON_UPLOAD_TOO_LARGE');
    };
    return { bytesMax, tooLarge };
  }

  /** Errors: CORDON_OVERLOADED, CORDON_UPLOAD_UNCHECKED, those of `EventLog.prepare`. */
  async admit(place: BucketPlace, object: NewObject, origin: ObjectOrigin): Promise<Admission> {
    const sources = this.#sourcesOf(place);
    if (sources.length === 0) return UNHEARD;
    const verdict = await this.#inspect(sources, place, object);
    if (verdict.kind === 'reject') {
      this.#record(sources, place, origin, verdict);
      const { code, reason, detail } = verdict;
      return { kind: 'reject', error: new CordonError(code), reason, note: detail };
    }
    const events = sources.map((source) => this.#eventOf(source, place, object, verdict.type, origin.hops));
    const prepared = await this.#options.events.prepare(events);
    return {
      kind: 'pass',
      writes: prepared.writes,
      committed: (changes) => void prepared.committed(changes),
      failed: () => prepared.failed(),
    };
  }

  async #inspect(sources: readonly Source[], { key }: BucketPlace, object: NewObject): Promise<Verdict> {
    try {
      const { size, detail } = object;
      const declaredType = detail.httpMetadata.contentType ?? null;
      const upload = {
        key,
        size,
        declaredType,
        read: object.read.bind(object),
        stream: () => object.stream(),
      };
      const rules = sources.map(({ spec: { types, bytesMax } }) => ({ types, bytesMax }));
      return await this.#places.within(() => this.#options.inspector.inspect(upload, rules));
    } catch (thrown) {
      if (thrown instanceof CordonError && thrown.code === 'CORDON_UPLOAD_UNCHECKED') this.#unchecked(thrown);
      throw thrown;
    }
  }

  #eventOf(source: Source, place: BucketPlace, object: NewObject, type: string, hops: number): NewEvent {
    const { project, bucket, key } = place;
    const { version, size, detail } = object;
    return {
      project,
      lane: source.lane,
      event: {
        attributes: {
          specversion: '1.0',
          id: newId('evt'),
          source: `/buckets/${encodeURIComponent(bucket)}`,
          type: EVENT_TYPE,
          subject: key,
          time: new Date(this.#options.clock.now()).toISOString(),
          datacontenttype: 'application/json',
        },
        data: Buffer.from(JSON.stringify({ bucket, key, size, type, etag: detail.etag, version })),
      },
      key: version,
      order: null,
      hops,
      delayMs: 0,
    };
  }

  #sourcesOf({ bucket, key }: BucketPlace): readonly Source[] {
    return this.#options.sources().uploads(bucket, key);
  }

  #record(
    [source]: readonly Source[],
    { bucket, key }: BucketPlace,
    { actor }: ObjectOrigin,
    { reason, detail }: Pick<Rejected, 'reason' | 'detail'>,
  ): void {
    this.#options.evidence.record({
      kind: 'upload.rejected',
      severity: severityOf(reason),
      app: source?.app ?? null,
      function: source?.function ?? null,
      instance: null,
      request: null,
      reason,
      detail: { bucket, key, actor, found: detail },
    });
  }

  #unchecked({ message, cause }: CordonError): void {
    this.#options.evidence.record({
      kind: 'platform.degraded',
      severity: 'high',
      app: null,
      function: null,
      instance: null,
      request: null,
      reason: 'CORDON_UPLOAD_UNCHECKED',
      detail: { message, cause: cause instanceof Error ? cause.message : '' },
    });
  }
}

const UNHEARD: Admission = { kind: 'pass', writes: [], committed() {}, failed() {} };

function severityOf(reason: RejectReason): SecurityEvent['severity'] {
  if (reason === 'malware') return 'high';
  return reason === 'polyglot' || reason === 'name-hidden' || reason.startsWith('archive-')
    ? 'medium'
    : 'low';
}
