import { Depot } from '../depot.ts';
import { forge, outcomesOf, type Outcome } from '../keeper.ts';
import type { Row, Verdict } from '../row.ts';
import { errorOf, type Stage } from '../stage.ts';
import { makeTar } from '../tar.ts';

const LANE = 'pipe:first>depot/second';
const STRUCTURED = 'application/cloudevents+json';
const MISSING = 'CORDON_GRANT_MISSING';
const SOURCE = 'export default { event() {}, queue() {}, scheduled() {} }';

/** Requests for a function that has no route. */
async function byRequest(stage: Stage, depot: Depot, verdict: Verdict): Promise<void> {
  const paths = [
    '/depot/second',
    '/depot/second/',
    '/second',
    '/depot/first/second',
    '/depot/first/../second',
    '/depot/first%2f..%2fsecond',
    `/${LANE}`,
    '/.cordon/depot/second',
    '/depot/functions/second',
  ];
  for (const path of paths)
    for (const method of ['GET', 'POST']) {
      const sent = { method, ...(method === 'POST' ? { body: '{}' } : {}) };
      const { status } = await depot.post(path, { ...sent, headers: { 'x-cordon-event': 'evt_1' } });
      verdict.expect([400, 404, 405].includes(status), `${method} ${path}: ${status}`);
    }
  // The same operation that operators have, without being one.
  const invoked = await stage.control(
    'POST',
    '/v1/apps/depot/functions/second/invoke',
    {},
    {
      authorization: `Bearer ${depot.apiKey}`,
    },
  );
  verdict.expect([401, 403, 404].includes(invoked.status), `the control API: ${invoked.status}`);
}

/** A function of the same app that has an edge of its own to the second step, and not this one. */
async function byFunction(stage: Stage, verdict: Verdict): Promise<void> {
  const judge = (name: string, { error }: Outcome): void =>
    verdict.expect(error === MISSING, `${name}: ${error ?? 'taken'}`);
  const request = { method: 'POST', url: 'http://second/', headers: [], body: false };
  const sent = { events: [{ type: 'step.done', contentType: null, bytes: 0 }] };
  const both = { events: [{ type: 'step.other', contentType: null, bytes: 0 }, ...sent.events] };
  const forged = [
    ...['SECOND', 'second', 'depot/second', 'OTHER', '__proto__'].map((name) => [
      'service',
      name,
      'fetch',
      request,
    ]),
    ...['NEXT', 'first', LANE].map((name) => ['pipe', name, 'send', sent]),
    ['pipe', 'OTHER', 'send', sent],
    ['pipe', 'OTHER', 'send', both],
    ['queue', LANE, 'send', { messages: [{ contentType: 'text', bytes: 0 }] }],
  ];
  const outcomes = await forge(stage, '/depot/outsider', forged);
  for (const [index, outcome] of outcomes.entries())
    judge(JSON.stringify(forged[index]?.slice(0, 3)), outcome);
  const plain = [
    ['OTHER', 'send', 'step.done', {}],
    ['OTHER', 'sendBatch', [{ type: 'step.other' }, { type: 'step.done' }]],
  ];
  for (const [index, outcome] of (await outcomesOf(stage, '/depot/outsider/ask', plain)).entries())
    judge(JSON.stringify(plain[index]), outcome);
}

/** A CloudEvent that says that it is what the first step sends: it is taken where it was sent to, and nowhere else. */
async function byCloudEvent(depot: Depot, verdict: Verdict): Promise<void> {
  const event = {
    specversion: '1.0',
    id: crypto.randomUUID(),
    source: '/apps/depot/functions/first',
    type: 'step.done',
    subject: LANE,
    data: {},
  };
  const notes = await depot.notesOf(async () => {
    const headers = { 'content-type': STRUCTURED };
    await depot.post('/depot/signals', { headers, body: JSON.stringify(event) });
    const flow = { ...event, id: crypto.randomUUID(), cordonflow: 'evt_1' };
    const { status } = await depot.post('/depot/signals', { headers, body: JSON.stringify(flow) });
    verdict.expect(status === 400, `with an attribute of the platform: ${status}`);
  });
  verdict.unharmed(
    notes.every(({ at }) => at === 'signals') && notes.length === 1,
    `it reached ${notes.map(({ at }) => at).join(', ')}`,
  );
}

/** Objects in buckets that are named like what the second step waits for. */
async function byObject(depot: Depot, verdict: Verdict): Promise<void> {
  for (const bucket of ['second', 'first', 'depot-second', 'pipe-first']) {
    const { status, code } = await depot.put(bucket, LANE, '{}');
    verdict.expect(status === 403 && code === 'AccessDenied', `the bucket ${bucket}: ${status} ${code}`);
  }
  const { status } = await depot.put('depot-keys', `../${LANE}`, '{}');
  verdict.expect(status === 400, `a key that climbs: ${status}`);
  await depot.put('depot-keys', LANE, '{}');
}

/** Another app that would like to have what the steps, the queues and the uploads of this one are for. */
async function byDeploy(stage: Stage, verdict: Verdict): Promise<void> {
  const sources = {
    'the pipe of another app': [{ pipe: 'first' }],
    'the pipe of another app, by its name': [{ pipe: 'depot/first' }],
    'a lane as a queue': [{ queue: LANE }],
    "another's queue": [{ queue: 'depot-jobs' }],
    "another's bucket": [{ upload: 'depot-papers' }],
    "another's bucket, in part": [{ upload: 'depot-papers', prefix: 'in/' }],
  };
  for (const [name, on] of Object.entries(sources)) {
    const manifest = { name: 'thief', functions: { main: { entry: 'main.js', on } } };
    const { status, text } = await stage.deployTar(
      'thief',
      makeTar([
        { name: 'cordon.jsonc', body: JSON.stringify(manifest) },
        { name: 'main.js', body: SOURCE },
      ]),
    );
    const { code } = errorOf(text);
    const expected = ['CORDON_MANIFEST_INVALID', 'CORDON_SOURCE_CONFLICT'];
    verdict.expect(status >= 400 && expected.includes(code), `${name}: ${status} ${code}`);
  }
}

const outOfFlow: Row = {
  id: 'D10',
  title: 'a step of a flow, called out of it: by request, function, CloudEvent, object and another app',
  event: ['grant.denied'],
  async attack(stage, verdict) {
    const depot = await Depot.of(stage);
    await depot.withoutEvents(verdict, async () => {
      await byRequest(stage, depot, verdict);
      await byFunction(stage, verdict);
      await byObject(depot, verdict);
      await byDeploy(stage, verdict);
    });
    await byCloudEvent(depot, verdict);
    const all = await depot.notes();
    verdict.unharmed(
      all.every(({ at, by }) => at !== 'second' || by === 'event'),
      'the second step answered a request',
    );
  },
  async twin(stage) {
    const depot = await Depot.of(stage);
    const id = crypto.randomUUID();
    const notes = await depot.notesOf(async () => {
      const { status, text } = await stage.call('/depot/first', { method: 'POST', body: id });
      if (status !== 200) throw new Error(`the first step: ${status} ${text}`);
      const [sent] = await outcomesOf(stage, '/depot/outsider/ask', [['OTHER', 'send', 'step.other', {}]]);
      if (sent?.error !== undefined) throw new Error(`an edge that is granted: ${sent.message}`);
    });
    const types = notes.filter(({ at }) => at === 'second').map(({ type = '' }) => type);
    if (types.toSorted().join(' ') !== 'step.done step.other')
      throw new Error(`the second step took ${types.join(' ')}`);
  },
};

export const FLOW_ROWS: readonly Row[] = [outOfFlow];
