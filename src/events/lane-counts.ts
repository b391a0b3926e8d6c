import type { Lane, LaneStatus } from './port.ts';

/** What may be in one lane. */
export interface LaneBounds {
  readonly waitingMax: number;
  readonly waitingBytesMax: number;
  readonly deadMax: number;
  readonly deadBytesMax: number;
}

/** Events by what they are. */
interface Amounts {
  readonly waiting: number;
  readonly waitingBytes: number;
  readonly dead: number;
  readonly deadBytes: number;
}

const NOTHING: Amounts = { waiting: 0, waitingBytes: 0, dead: 0, deadBytes: 0 };

/** What stands in each lane, and what is about to. It holds as much memory as there are lanes. */
export class LaneCounts {
  readonly bounds: LaneBounds;
  readonly #projects = new Map<string, Map<Lane, Amounts>>();

  constructor(bounds: LaneBounds) {
    this.bounds = bounds;
  }

  of(project: string, lane: Lane): Amounts {
    return this.#projects.get(project)?.get(lane) ?? NOTHING;
  }

  /** Takes the places of events that are about to be written; false, and takes none, when they do not fit. */
  reserve(project: string, lane: Lane, waiting: number, waitingBytes: number): boolean {
    const now = this.of(project, lane);
    const { waitingMax, waitingBytesMax } = this.bounds;
    if (now.waiting + waiting > waitingMax || now.waitingBytes + waitingBytes > waitingBytesMax) return false;
    this.change(project, lane, { waiting, waitingBytes });
    return true;
  }

  /** Adds to a lane, or takes from it. Rows that nobody accepted are not counted, so that nothing falls below 0. */
  change(project: string, lane: Lane, by: Partial<Amounts>): void {
    const lanes = this.#projects.get(project) ?? new Map<Lane, Amounts>();
    const now = lanes.get(lane) ?? NOTHING;
    const next = {
      waiting: Math.max(0, now.waiting + (by.waiting ?? 0)),
      waitingBytes: Math.max(0, now.waitingBytes + (by.waitingBytes ?? 0)),
      dead: Math.max(0, now.dead + (by.dead ?? 0)),
      deadBytes: Math.max(0, now.deadBytes + (by.deadBytes ?? 0)),
    };
    if (next.waiting + next.dead === 0) lanes.delete(lane);
    else lanes.set(lane, next);
    if (lanes.size === 0) this.#projects.delete(project);
    else this.#projects.set(project, lanes);
  }

  *entries(): Generator<Amounts & { readonly project: string; readonly lane: Lane }> {
    for (const [project, lanes] of this.#projects)
      for (const [lane, amounts] of lanes) yield { project, lane, ...amounts };
  }

  statuses(): readonly LaneStatus[] {
    return Array.from(this.entries(), ({ project, lane, waiting, waitingBytes, dead }) => ({
      project,
      lane,
      waiting,
      waitingBytes,
      dead,
    }));
  }
}
