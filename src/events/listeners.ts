import { laneKey, type LaneName } from './lane-name.ts';
import type { Lane } from './port.ts';

type Listener = (project: string, lane: Lane) => void;

/** Those who want to know when there may be something to claim. */
export class Listeners {
  readonly #entries = new Set<{ readonly call: Listener }>();

  add(listener: Listener): () => void {
    // An entry of its own: the same listener may listen twice.
    const entry = { call: listener };
    this.#entries.add(entry);
    return () => this.#entries.delete(entry);
  }

  /** Each lane once, however often it is named. */
  tell(names: Iterable<LaneName>): void {
    const lanes = new Map(Array.from(names, (name) => [laneKey(name), name]));
    for (const { project, lane } of lanes.values()) {
      for (const { call } of [...this.#entries]) {
        try {
          call(project, lane);
        } catch {
          // What was written stands, whatever a listener makes of it.
        }
      }
    }
  }

  clear(): void {
    this.#entries.clear();
  }
}
