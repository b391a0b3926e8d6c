import type { EventChoice, EventDetail, EventQuery, LaneStatus } from '../events/index.ts';
import type { ControlEvents } from './port.ts';

/** An event in the log: a dead letter unless said otherwise. */
export function detailOf(id: string, more: Partial<EventDetail> = {}): EventDetail {
  return {
    id,
    lane: 'queue:jobs',
    state: 'dead',
    attempts: 2,
    hops: 0,
    bytes: 7,
    acceptedAt: 1_700_000_000_000,
    at: 1_700_000_009_000,
    reason: 'the handler threw: Error: no',
    failures: [
      { at: 1_700_000_001_000, attempt: 1, reason: 'timeout' },
      { at: 1_700_000_009_000, attempt: 2, reason: 'the handler threw: Error: no' },
    ],
    event: {
      attributes: {
        specversion: '1.0',
        id: 'msg-1',
        source: '/queues/jobs',
        type: 'cordon.queue.message',
        datacontenttype: 'application/json',
      },
      data: Buffer.from('{"a":1}'),
    },
    ...more,
  };
}

/** Events in memory, oldest first; positions are indexes. */
export class FakeEvents implements ControlEvents {
  held: EventDetail[] = [];
  /** Lanes of other projects. */
  readonly others: LaneStatus[] = [];
  /** What was asked for, with its project. */
  readonly asked: unknown[] = [];

  async list(query: EventQuery) {
    this.asked.push(query);
    const start = Number(query.after ?? 0);
    const all = this.held.filter(
      ({ lane, state }) => (query.lane ?? lane) === lane && (query.state ?? state) === state,
    );
    const end = start + query.limit;
    return { events: all.slice(start, end), next: end < all.length ? String(end) : null };
  }

  lanes(): readonly LaneStatus[] {
    const names = [...new Set(this.held.map(({ lane }) => lane))];
    const own = names.map((lane) => {
      const inside = this.held.filter((event) => event.lane === lane);
      const dead = inside.filter(({ state }) => state === 'dead').length;
      const waitingBytes = inside.reduce((sum, { state, bytes }) => sum + (state === 'dead' ? 0 : bytes), 0);
      return { project: 'default', lane, waiting: inside.length - dead, waitingBytes, dead };
    });
    return [...own, ...this.others];
  }

  async show(project: string, id: string) {
    this.asked.push({ project, id });
    return this.held.find((event) => event.id === id) ?? null;
  }

  async replay(project: string, choice: EventChoice) {
    this.asked.push({ project, choice });
    const chosen = this.held.filter((event) => event.state === 'dead' && isChosen(event, choice));
    this.held = this.held.map((event) =>
      chosen.includes(event) ? { ...event, state: 'waiting', attempts: 0 } : event,
    );
    return chosen.length;
  }

  async drop(project: string, choice: EventChoice) {
    this.asked.push({ project, choice });
    const before = this.held.length;
    this.held = this.held.filter((event) => !isChosen(event, choice));
    return before - this.held.length;
  }
}

function isChosen({ id, lane, state }: EventDetail, choice: EventChoice): boolean {
  return 'ids' in choice ? choice.ids.includes(id) : choice.lane === lane && choice.state === state;
}
