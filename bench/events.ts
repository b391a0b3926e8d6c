import { eventDrain, eventMemory, eventReplay } from './event-backlog.ts';
import { eventIntake } from './event-intake.ts';
import { eventLog } from './event-log.ts';
import type { Measurement, Result } from './measurement.ts';

const PARTS: readonly Measurement[] = [eventLog, eventIntake, eventDrain, eventReplay, eventMemory];

/** Events from their acceptance to the end of their handlers, each part in a state of its own. */
export const events: Measurement = {
  name: 'events',
  about: 'events: accepted with fsync, delivered, replayed, and waiting by the million',
  async run(place) {
    const results: Result[] = [];
    for (const part of PARTS) results.push(...(await part.run(place)));
    return results;
  },
};
