import { Depot, type Note } from '../depot.ts';
import type { Row } from '../row.ts';

const LANE = 'queue:depot-press';
/** What the manifest of the depot says. */
const ATTEMPTS = 3;
/** Ways to fail, each for good. */
const WAYS = ['throw', 'exit', 'memory', 'spin', 'hang', 'retry'];
const NEIGHBOURS = 8;
/** More attempts than there are. */
const FOR_EVER = 1_000;

interface Message {
  readonly id: string;
  readonly how: string;
  /** The attempts that fail. */
  readonly until: number;
}

async function send(depot: Depot, messages: readonly Message[]): Promise<Note[]> {
  return depot.notesOf(async () => {
    const [sent] = await depot.do(['PRESS', 'sendBatch', messages.map((body) => ({ body }))]);
    if (sent?.error !== undefined) throw new Error(`cannot send: ${sent.message}`);
  });
}

function attemptsOf(notes: readonly Note[], id: string): number[] {
  return notes.filter((note) => note.id === id).map(({ attempt = 0 }) => attempt);
}

const poison: Row = {
  id: 'D7',
  title:
    'messages that always fail: by an error, the end of the process, memory, a loop, silence, or by asking for it',
  event: ['event.dead'],
  async attack(stage, verdict) {
    const depot = await Depot.of(stage);
    const before = await stage.lastEvent();
    for (const how of WAYS) {
      const mark = crypto.randomUUID();
      const poisoned = { id: `poison-${mark}`, how, until: FOR_EVER };
      const neighbours = Array.from({ length: NEIGHBOURS }, (_, index) => ({
        id: `${index}-${mark}`,
        how: 'none',
        until: 0,
      }));
      const messages: Message[] = [...neighbours];
      messages.splice(NEIGHBOURS / 2, 0, poisoned);
      const notes = await send(depot, messages);
      const tried = attemptsOf(notes, poisoned.id);
      // A crash is held against its cause once it was alone: until then it costs nobody an attempt.
      verdict.expect(
        new Set(tried).size === ATTEMPTS && tried.length <= ATTEMPTS + 1,
        `${how}: the attempts were ${tried.join(' ')}`,
      );
      for (const { id } of neighbours)
        verdict.unharmed(attemptsOf(notes, id).length > 0, `${how}: a neighbour was never delivered`);
    }
    const dead = await depot.events(LANE, 'dead');
    verdict.unharmed(dead.length === WAYS.length, `${dead.length} dead letters of ${WAYS.length}`);
    for (const { attempts, reason } of dead)
      verdict.expect(
        attempts === ATTEMPTS && reason !== null && reason !== '',
        `a dead letter after ${attempts} attempts, because of ${reason}`,
      );
    const told = (await stage.events(before)).filter(({ kind }) => kind === 'event.dead');
    verdict.expect(
      dead.every(({ id }) => told.some(({ detail }) => detail['id'] === id)),
      'a dead letter is not told of',
    );
    verdict.note(`${dead.map(({ reason }) => reason).join(', ')}`);
    const { text } = await stage.control('POST', '/v1/events/drop', { lane: LANE, state: 'dead' });
    verdict.expect(text === `{"dropped":${WAYS.length}}`, `they are dropped: ${text}`);
  },
  async twin(stage) {
    const depot = await Depot.of(stage);
    const messages = WAYS.map((how) => ({ id: `${how}-${crypto.randomUUID()}`, how, until: ATTEMPTS - 1 }));
    const notes = await send(depot, messages);
    for (const { id, how } of messages)
      if (!attemptsOf(notes, id).includes(ATTEMPTS))
        throw new Error(`a message that fails twice by ${how} has no third attempt`);
    const dead = await depot.events(LANE, 'dead');
    if (dead.length > 0) throw new Error(`a message that is taken at the last attempt is a dead letter`);
  },
};

export const POISON_ROWS: readonly Row[] = [poison];
