import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { newId } from '../../../src/contract/index.ts';
import { Depot } from '../depot.ts';
import { forgedKey } from '../guarded.ts';
import { forge } from '../keeper.ts';
import type { Row, Verdict } from '../row.ts';
import { errorOf, type Answer, type Stage } from '../stage.ts';

const LANE = 'queue:depot-jobs';
const SIGNALS = '/depot/signals';
const DELAY_SECONDS = 3600;
const BATCH = 'application/cloudevents-batch+json';
const STRUCTURED = 'application/cloudevents+json';

/** What somebody who can write the database makes of a row: SQL of what to set, with its own id as a parameter. */
const CHANGES: Readonly<Record<string, string>> = {
  'in the lane of another function': `lane = 'route:${SIGNALS}>depot/signals'`,
  'in a lane of a pipe': `lane = 'pipe:first>depot/second'`,
  'in another project': `project = 'another'`,
  'with other hops': 'hops = hops + 5',
  'with fewer hops': 'hops = hops - 1',
  'with another time of acceptance': 'accepted_at = accepted_at + 1',
  'with another order': `order_key = replace(order_key, substr(order_key, 1, 1), 'x')`,
  'without its order': 'order_key = null',
  'with a flipped bit': `envelope = cast(substr(envelope, 1, 60) || x'00' || substr(envelope, 62) as blob)`,
  'that is cut': 'envelope = cast(substr(envelope, 1, length(envelope) - 1) as blob)',
  'with what another says': `envelope = (select envelope from events as other where other.id != events.id)`,
};

/** Changes one waiting row each, makes two of nothing, and has all of them due. */
function tamper(stage: Stage, ids: readonly string[]): string[] {
  const database = new DatabaseSync(join(stage.home.dataDirectory, 'cordon.db'));
  try {
    for (const [index, change] of Object.values(CHANGES).entries())
      database.prepare(`update events set ${change} where id = ?`).run(ids[index] ?? '');
    const columns = 'project, lane, state, order_key, attempts, hops, bytes, accepted_at, waiting_since';
    const [copy, made] = [newId('evt'), newId('evt')];
    database
      .prepare(
        `insert into events (id, due_at, envelope, ${columns}) select ?, 0, envelope, ${columns} from events where id = ?`,
      )
      .run(copy, ids.at(-1) ?? '');
    database
      .prepare(
        `insert into events (id, due_at, envelope, ${columns}) values (?, 0, ?, 'default', ?, 'waiting', null, 0, 0, 2, 0, 0)`,
      )
      .run(made, Buffer.from('{"body":"made by hand"}'), LANE);
    // When an event is due says nothing about it: the one that nobody touched is delivered by this.
    database.prepare(`update events set due_at = 0`).run();
    return [copy, made];
  } finally {
    database.close();
  }
}

/** Rows that somebody wrote while the server was not there to look. */
async function onDisk(stage: Stage, depot: Depot, verdict: Verdict): Promise<void> {
  const names = Object.keys(CHANGES);
  for (const name of [...names, 'untouched'])
    await depot.queue('JOBS', name, { delaySeconds: DELAY_SECONDS });
  const waiting = await depot.events(LANE, 'waiting');
  verdict.expect(waiting.length === names.length + 1, `${waiting.length} messages wait`);
  const ids = waiting.map(({ id }) => id);
  const before = await stage.lastEvent();
  const forged = ids.slice(0, -1);
  const notes = await depot.notesOf(() =>
    stage.restart(() => {
      forged.push(...tamper(stage, ids));
    }),
  );
  const reached = notes.map(({ at, id }) => `${at} by ${id}`);
  verdict.unharmed(
    JSON.stringify(reached) === JSON.stringify(['worker by untouched']),
    `what was delivered is ${reached.join(', ')}`,
  );
  const told = (await stage.events(before)).filter(({ kind }) => kind === 'event.forged');
  for (const [index, id] of forged.entries()) {
    const name = names[index] ?? 'made by hand';
    // The server has one project: what is said to be of another is in nobody's lane and is given to nobody.
    if (name === 'in another project') continue;
    verdict.expect(
      told.some(({ detail }) => detail['id'] === id),
      `no event tells of a row ${name}`,
    );
    const { status } = await stage.control('GET', `/v1/events/${id}`);
    verdict.expect(status === 409, `the operator is shown a row ${name}: ${status}`);
  }
  const again = await stage.control('POST', '/v1/events/replay', { ids: forged });
  verdict.expect(again.text === '{"replayed":0}', `they are replayed: ${again.text}`);
  await stage.control('POST', '/v1/events/drop', { ids: forged });
}

function event(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { specversion: '1.0', id: crypto.randomUUID(), source: '/attack', type: 'a.b', data: 1, ...more };
}

/** Attributes that only the platform may set, and events that are none. */
const CLAIMS: readonly Readonly<Record<string, unknown>>[] = [
  { cordonsubject: '{"kind":"operator"}' },
  { cordonpath: '/depot/private/x' },
  { cordonflow: 'evt_1' },
  { cordonhops: 0 },
  { cordonsignature: 'v1,AAAA' },
  { cordonanything: 'x' },
  { type: 'cordon.object.created', source: '/buckets/depot-pictures' },
  { type: 'cordon.webhook.standard' },
  { type: 'cordon.tick' },
  { specversion: '0.3' },
  { id: '' },
  { source: '' },
  { CordonSubject: 'x' },
  { __proto__x: 'x' },
];

/** CloudEvents that say what no caller may say, in each mode. */
async function fromOutside(depot: Depot, verdict: Verdict): Promise<void> {
  const post = (body: unknown, type: string): Promise<Answer> =>
    depot.post(SIGNALS, { headers: { 'content-type': type }, body: JSON.stringify(body) });
  await depot.withoutEvents(verdict, async () => {
    for (const claim of CLAIMS) {
      const said = JSON.stringify(claim);
      const answers = {
        structured: await post(event(claim), STRUCTURED),
        'in a batch': await post([event(), event(claim)], BATCH),
        binary: await depot.post(SIGNALS, {
          headers: { 'content-type': 'application/json', ...fieldsOf(event(claim)) },
          body: '1',
        }),
      };
      for (const [mode, { status, text }] of Object.entries(answers))
        verdict.expect(
          status === 400 && errorOf(text).code === 'CORDON_EVENT_INVALID',
          `${said} ${mode}: ${status} ${errorOf(text).code}`,
        );
    }
  });
}

/** Attributes as fields of the binary mode. */
function fieldsOf({ data: _, ...attributes }: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, String(value)]));
}

/** Callers who are not let in, and paths that are said to be those of other lanes. */
async function strangers(stage: Stage, depot: Depot, verdict: Verdict): Promise<void> {
  const body = JSON.stringify(event());
  const fields = { 'content-type': STRUCTURED };
  const keys = {
    'no key': '',
    'a forged key': `Bearer ${forgedKey({ id: '', key: depot.apiKey })}`,
    'a key that is cut': `Bearer ${depot.apiKey.slice(0, -1)}`,
    "the operator's token": `Bearer ${stage.token}`,
    'half of a scheme': depot.apiKey,
  };
  const paths = {
    '/depot/private/x': [403],
    '/depot/signals/../private/x': [400, 403],
    '/depot/signals/%2e%2e/private/x': [400],
    '/depot/signals%2f..%2fprivate%2fx': [400, 404],
    '/depot/signals/x': [404],
    '/depot/Signals': [404],
    '/depot/worker': [404],
    '/queue:depot-jobs': [404],
    '/route:/depot/signals>depot/signals': [400, 404],
    '/pipe:first%3edepot/second': [400, 404],
  };
  await depot.withoutEvents(verdict, async () => {
    for (const [name, authorization] of Object.entries(keys)) {
      const { status } = await depot.post(SIGNALS, { headers: { ...fields, authorization }, body });
      verdict.expect(status === 401, `${name}: ${status}`);
    }
    for (const [path, expected] of Object.entries(paths)) {
      const { status } = await depot.post(path, { headers: fields, body });
      verdict.expect(expected.includes(status), `${path}: ${status}`);
    }
  });
  // What the platform says beside an event is not taken from a request.
  const notes = await depot.notesOf(async () => {
    const said = {
      'x-cordon-event': 'evt_1',
      'x-cordon-hops': '0',
      'x-cordon-flow': 'x',
      'x-cordon-identity': '{}',
    };
    const { status } = await depot.post(SIGNALS, { headers: { ...fields, ...said }, body });
    verdict.expect(status === 202 || status === 400, `with fields of the platform: ${status}`);
  });
  verdict.unharmed(
    notes.every(({ at }) => at === 'signals'),
    'an event went into another lane',
  );
}

/** The same event again and again, one after the other and at once. */
async function replayed(depot: Depot, verdict: Verdict): Promise<void> {
  const once = event();
  const body = JSON.stringify(once);
  const post = (): Promise<Answer> => depot.post(SIGNALS, { headers: { 'content-type': STRUCTURED }, body });
  const notes = await depot.notesOf(async () => {
    for (let count = 0; count < 3; count += 1) await post();
    await Promise.all(Array.from({ length: 10 }, post));
    await depot.post(SIGNALS, { headers: { 'content-type': BATCH }, body: JSON.stringify([once, once]) });
  });
  verdict.unharmed(notes.length === 1, `one event was delivered ${notes.length} times`);
}

/** Sends of functions that have no grant for them, past the harness. */
async function ungranted(stage: Stage, depot: Depot, verdict: Verdict): Promise<void> {
  const message = { messages: [{ contentType: 'text', bytes: 0 }] };
  const sent = { events: [{ type: 'step.done', contentType: null, bytes: 0 }] };
  const calls = [
    ...['JOBS', 'NEXT', 'OTHER', 'depot-jobs', LANE, '__proto__', ''].map((name) => [
      'queue',
      name,
      'send',
      message,
    ]),
    ...['NEXT', 'first', 'second', 'pipe:first>depot/second', '__proto__', ''].map((name) => [
      'pipe',
      name,
      'send',
      sent,
    ]),
    ['pipe', 'OTHER', 'send', sent],
    ['queue', 'JOBS', 'accept', message],
    ['pipe', 'OTHER', 'sendAs', { events: [{ ...sent.events[0], type: 'step.other' }] }],
  ];
  await depot.withoutEvents(verdict, async () => {
    const outcomes = await forge(stage, '/depot/outsider', calls);
    for (const [index, { error }] of outcomes.entries())
      verdict.expect(
        error === 'CORDON_GRANT_MISSING',
        `${JSON.stringify(calls[index]?.slice(0, 3))}: ${error ?? 'taken'}`,
      );
  });
}

const forgedEvents: Row = {
  id: 'D6',
  title: 'events that nobody accepted: rows written on disk, claims of callers and functions, replays',
  event: ['event.forged'],
  async attack(stage, verdict) {
    const depot = await Depot.of(stage);
    await onDisk(stage, depot, verdict);
    await fromOutside(depot, verdict);
    await strangers(stage, depot, verdict);
    await replayed(depot, verdict);
    await ungranted(stage, depot, verdict);
    verdict.note(`${Object.keys(CHANGES).length + 2} rows, ${3 * CLAIMS.length} claims`);
  },
  async twin(stage) {
    const depot = await Depot.of(stage);
    const [one, two, three] = [event(), event({ subject: 'x' }), event({ traceparent: '00-1-2-03' })];
    const notes = await depot.notesOf(async () => {
      await depot.queue('JOBS', 'kept');
      await stage.restart(() => undefined);
      const sent = [
        { headers: { 'content-type': STRUCTURED }, body: JSON.stringify(one) },
        { headers: { 'content-type': BATCH }, body: JSON.stringify([two]) },
        { headers: { 'content-type': 'application/json', ...fieldsOf(three) }, body: '1' },
      ];
      for (const { headers, body } of sent) {
        const { status, text } = await depot.post(SIGNALS, { headers, body });
        if (status !== 202) throw new Error(`a CloudEvent is refused: ${status} ${text}`);
      }
    });
    const told = notes.map(({ id }) => id).toSorted();
    const expected = [one, two, three].map(({ id }) => String(id));
    if (JSON.stringify(told) !== JSON.stringify([...expected, 'kept'].toSorted()))
      throw new Error(`what was delivered is ${told.join(' ')}`);
  },
};

export const FORGED_EVENT_ROWS: readonly Row[] = [forgedEvents];
