import type { EventLog, NewEvent } from '../../events/index.ts';

/** A log that takes events like this, and can do nothing else. */
export function fakeLog(accept: EventLog['accept']): EventLog {
  return { accept } as EventLog;
}

/** A log that takes nothing. */
export const NO_LOG = fakeLog(() => Promise.reject(new Error('There is no log.')));

/** A log in memory that knows events again by their keys. */
export function memoryLog(): { readonly log: EventLog; readonly accepted: NewEvent[] } {
  const accepted: NewEvent[] = [];
  const log = fakeLog(async (events) =>
    events.map((event) => {
      if (accepted.some(({ lane, key }) => lane === event.lane && key === event.key)) return { id: null };
      return { id: `evt_${accepted.push(event)}` };
    }),
  );
  return { log, accepted };
}
