import type {
  CronSource,
  Manifest,
  PipeSource,
  QueueSource,
  SourceSpec,
  UploadSource,
} from '../manifest/index.ts';
import type { Lane } from './port.ts';

/** A source and the function that it runs. */
export interface BoundSource<S extends SourceSpec = SourceSpec> {
  readonly app: string;
  readonly function: string;
  readonly spec: S;
  readonly lane: Lane;
}

/** Every source of the manifests that are served, found by what sets it off. Immutable: a deploy makes another. */
export class SourceTable {
  static readonly EMPTY = new SourceTable([]);
  readonly all: readonly BoundSource[];
  readonly #byLane = new Map<Lane, BoundSource>();
  readonly #uploads = new Map<string, BoundSource<UploadSource>[]>();

  private constructor(all: readonly BoundSource[]) {
    this.all = all;
    for (const source of all) {
      this.#byLane.set(source.lane, source);
      if (!isUpload(source)) continue;
      const { bucket } = source.spec;
      this.#uploads.set(bucket, [...(this.#uploads.get(bucket) ?? []), source]);
    }
  }

  /** Of the live deployments, one manifest for each app. */
  static of(manifests: readonly Manifest[]): SourceTable {
    return new SourceTable(
      manifests.flatMap(({ name: app, functions }) =>
        functions.flatMap((fn) =>
          fn.sources.map((spec) => ({ app, function: fn.name, spec, lane: laneOf(app, fn.name, spec) })),
        ),
      ),
    );
  }

  /** The source that a lane belongs to; null: no function takes its events now. */
  byLane(lane: Lane): BoundSource | null {
    return this.#byLane.get(lane) ?? null;
  }

  /** Whoever is told of an object with this key. */
  uploads(bucket: string, key: string): readonly BoundSource<UploadSource>[] {
    return (this.#uploads.get(bucket) ?? []).filter(({ spec }) => key.startsWith(spec.prefix));
  }

  crons(): readonly BoundSource<CronSource>[] {
    return this.all.filter(isCron);
  }

  queue(name: string): BoundSource<QueueSource> | null {
    const source = this.byLane(queueLane(name));
    return source !== null && isQueue(source) ? source : null;
  }
}

/** Who takes an event of this type that a function of this manifest sends along its pipes. */
export function pipesFrom(
  manifest: Manifest,
  from: string,
  type: string,
): readonly BoundSource<PipeSource>[] {
  return SourceTable.of([manifest])
    .all.filter(isPipe)
    .filter(({ spec }) => spec.from === from && (spec.types?.includes(type) ?? true));
}

export function queueLane(queue: string): Lane {
  return `queue:${queue}`;
}

/** The lane of a source. A queue is for whichever function consumes it; all others name theirs. */
export function laneOf(app: string, fn: string, spec: SourceSpec): Lane {
  switch (spec.kind) {
    case 'queue':
      return queueLane(spec.queue);
    case 'upload':
      return `upload:${spec.bucket}/${spec.prefix}>${app}/${fn}`;
    case 'cron':
      return `cron:${spec.expression} ${spec.timezone}>${app}/${fn}`;
    case 'pipe':
      return `pipe:${spec.from}>${app}/${fn}`;
  }
}

/** The lane of a route that delivers what it gets as events; `path` is that of the manifest. */
export function routeLane(app: string, fn: string, path: string): Lane {
  return `route:${path}>${app}/${fn}`;
}

/** The function that a lane names; null for a queue. */
export function targetOf(lane: Lane): { readonly app: string; readonly function: string } | null {
  const [, app, fn] = />([a-z][a-z0-9-]*)\/([a-z][a-z0-9-]*)$/.exec(lane) ?? [];
  return app === undefined || fn === undefined ? null : { app, function: fn };
}

function isUpload(source: BoundSource): source is BoundSource<UploadSource> {
  return source.spec.kind === 'upload';
}

function isCron(source: BoundSource): source is BoundSource<CronSource> {
  return source.spec.kind === 'cron';
}

function isQueue(source: BoundSource): source is BoundSource<QueueSource> {
  return source.spec.kind === 'queue';
}

function isPipe(source: BoundSource): source is BoundSource<PipeSource> {
  return source.spec.kind === 'pipe';
}
