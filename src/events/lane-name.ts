import type { Lane } from './port.ts';

/** A lane of a project. */
export interface LaneName {
  readonly project: string;
  readonly lane: Lane;
}

/** The same for the same lane and for no other. */
export function laneKey({ project, lane }: LaneName): string {
  return JSON.stringify([project, lane]);
}
