import { LIMITS } from '../../../src/contract/index.ts';
import { Depot, type Note } from '../depot.ts';
import { eventually } from '../processes.ts';
import type { Row } from '../row.ts';
import type { Stage } from '../stage.ts';

const HOPS = LIMITS.eventHopsMax.value;
/** Far beyond what may be, and an end all the same, should nothing break it. */
const STEPS = 4 * HOPS;
/** The functions pause this long where they send when nothing of theirs is open any more. */
const SILENCE_MS = 600;
const SETTLE_MS = 20_000;

interface Loop {
  /** Sets it off. */
  readonly start: (depot: Depot, told: object) => Promise<unknown>;
  /** Functions that write down a step, by the events and calls that each is. */
  readonly functions: readonly string[];
  /** Fewest steps that are within the bound. */
  readonly steps: number;
  readonly how?: 'later';
  /** Path of a request that is open all the while. */
  readonly beside?: string;
}

/** Functions that set themselves off, in each of the ways that there are. */
const LOOPS: Readonly<Record<string, Loop>> = {
  'a consumer that sends to its own queue': {
    start: (depot, told) => depot.queue('LOOP', told),
    functions: ['loop'],
    steps: HOPS,
  },
  'one that sends when its events are done': {
    start: (depot, told) => depot.queue('LOOP', told),
    functions: ['loop'],
    steps: HOPS,
    how: 'later',
  },
  'one that sends when only a request of somebody else is open': {
    start: (depot, told) => depot.queue('LOOP', told),
    functions: ['loop'],
    steps: HOPS,
    how: 'later',
    beside: '/depot/loop',
  },
  'an upload that its own handler makes': {
    start: (depot, told) => depot.put('depot-echo', `${crypto.randomUUID()}.json`, JSON.stringify(told)),
    functions: ['echo'],
    steps: HOPS,
  },
  'two functions along pipes': {
    start: (depot, told) => depot.queue('RING', told),
    functions: ['ping', 'pong'],
    steps: HOPS,
  },
  'a service and a queue': {
    start: (depot, told) => depot.queue('RELAY', told),
    functions: ['relay', 'relayed'],
    steps: HOPS,
  },
};

/** The steps that were made of a loop, once no further one comes. */
async function stepsOf(
  depot: Depot,
  { start, functions, how, beside }: Loop,
  told: { readonly step: number; readonly left: number },
): Promise<number[]> {
  const mark = crypto.randomUUID();
  const own = ({ id, at }: Note): boolean => id === mark && functions.includes(at);
  const isSilent = async (): Promise<boolean> => {
    const before = (await depot.notes()).length;
    await new Promise((resolve) => setTimeout(resolve, how === 'later' ? SILENCE_MS : 0));
    await depot.rest();
    return (await depot.notes()).length === before;
  };
  const held = beside === undefined ? null : await depot.hold(beside);
  const notes = await depot.notesOf(async () => {
    await start(depot, { mark, how, ...told });
    if (!(await eventually(isSilent, SETTLE_MS))) throw new Error('it does not come to an end');
  });
  held?.destroy();
  // The last one is tried again.
  return [...new Set(notes.filter(own).map(({ step = 0 }) => step))];
}

async function loopEvents(stage: Stage, after: number): Promise<number> {
  return (await stage.events(after)).filter(({ kind, app }) => kind === 'event.loop' && app === 'depot')
    .length;
}

const loops: Row = {
  id: 'D8',
  title: 'functions that set themselves off: by a queue, an upload, pipes, a service, and after their time',
  event: ['event.loop'],
  async attack(stage, verdict) {
    const depot = await Depot.of(stage);
    for (const [name, loop] of Object.entries(LOOPS)) {
      const before = await stage.lastEvent();
      const steps = await stepsOf(depot, loop, { step: 0, left: STEPS });
      // What a request sets off is one hop; an upload from outside is none.
      verdict.unharmed(steps.length <= loop.steps + 1, `${name}: ${steps.length} steps`);
      verdict.expect(steps.length >= loop.steps, `${name}: broken after ${steps.length} steps already`);
      verdict.expect((await loopEvents(stage, before)) > 0, `${name}: no event tells of it`);
      verdict.note(`${name}: ${steps.length}`);
    }
    for (const { lane, dead } of await depot.lanes())
      if (dead > 0) await stage.control('POST', '/v1/events/drop', { lane, state: 'dead' });
  },
  async twin(stage) {
    const depot = await Depot.of(stage);
    const before = await stage.lastEvent();
    for (const [name, loop] of Object.entries(LOOPS)) {
      const wanted = loop.steps - 1;
      const steps = await stepsOf(depot, loop, { step: 0, left: wanted - 1 });
      if (steps.length !== wanted)
        throw new Error(`${name}: ${steps.length} steps of a chain that ends after ${wanted}`);
    }
    if ((await loopEvents(stage, before)) > 0) throw new Error('a chain that ends is taken for a loop');
  },
};

export const LOOP_ROWS: readonly Row[] = [loops];
