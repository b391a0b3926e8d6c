import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CordonError, LIMITS } from '../contract/index.ts';
import { parseManifest, type ManifestProblem, type SourceSpec } from './index.ts';

type On = readonly unknown[];

const textOf = (on: On, others: object = {}) =>
  JSON.stringify({ name: 'shop', functions: { main: { entry: 'main.ts', on }, ...others } });

function sourceOf(source: object, others: object = {}): SourceSpec {
  const found = parseManifest(textOf([source], others)).functions.find(({ name }) => name === 'main');
  const [spec] = found?.sources ?? [];
  assert.ok(spec !== undefined);
  return spec;
}

function problemsOf(on: On, others: object = {}): readonly ManifestProblem[] {
  try {
    parseManifest(textOf(on, others));
  } catch (thrown) {
    assert.ok(thrown instanceof CordonError && thrown.code === 'CORDON_MANIFEST_INVALID');
    return thrown.details['problems'] as ManifestProblem[];
  }
  throw new assert.AssertionError({ message: `It was expected to be refused: ${JSON.stringify(on)}` });
}

function problemOf(source: unknown, others: object = {}): ManifestProblem {
  const [problem] = problemsOf([source], others);
  assert.ok(problem !== undefined);
  return problem;
}

const ORDERS = {
  orders: {
    entry: 'o.ts',
    grants: { pipe: { OUT: { types: ['order.paid'] }, MORE: { types: ['order.sent'] } } },
  },
};
const DELIVERY = { attempts: 5, backoffMs: 1000, backoffMsMax: 300_000, quota: null };

test('a source has every default filled in', () => {
  assert.deepEqual(sourceOf({ upload: 'photos' }), {
    kind: 'upload',
    bucket: 'photos',
    prefix: '',
    types: null,
    bytesMax: null,
    ...DELIVERY,
  });
  assert.deepEqual(sourceOf({ queue: 'jobs' }), {
    kind: 'queue',
    queue: 'jobs',
    batch: 10,
    batchWaitMs: 0,
    ordered: false,
    ...DELIVERY,
  });
  assert.deepEqual(sourceOf({ cron: '0 7 * * 1-5' }), {
    kind: 'cron',
    expression: '0 7 * * 1-5',
    timezone: 'UTC',
    catchUp: 'none',
    ...DELIVERY,
  });
  assert.deepEqual(sourceOf({ pipe: 'orders' }, ORDERS), {
    kind: 'pipe',
    from: 'orders',
    types: null,
    ordered: false,
    ...DELIVERY,
  });
});

test('a function without routes and sources is fine, and so is one with only sources', () => {
  assert.deepEqual(parseManifest(textOf([])).functions[0]?.sources, []);
  assert.equal(sourceOf({ queue: 'jobs' }).kind, 'queue');
});

test('everything that is said is kept, in ms and bytes', () => {
  const said = { attempts: 100, backoff: '2s', backoffMax: '1h', quota: '600/min' };
  const kept = { attempts: 100, backoffMs: 2000, backoffMsMax: 3_600_000 };
  const quota = { count: 600, periodMs: 60_000, per: 'project', burst: 600 };
  assert.deepEqual(
    sourceOf({ upload: 'photos', prefix: 'in/', types: ['image/png', 'text/*'], max: '10MiB', ...said }),
    {
      kind: 'upload',
      bucket: 'photos',
      prefix: 'in/',
      types: ['image/png', 'text/*'],
      bytesMax: 10 * 1024 ** 2,
      ...kept,
      quota,
    },
  );
  assert.deepEqual(sourceOf({ queue: 'jobs', batch: 1, batchWait: '1s', ordered: true, ...said }), {
    kind: 'queue',
    queue: 'jobs',
    batch: 1,
    batchWaitMs: 1000,
    ordered: true,
    ...kept,
    quota,
  });
  assert.deepEqual(sourceOf({ cron: '0 7 * * *', timezone: 'Europe/Berlin', catchUp: 'last', ...said }), {
    kind: 'cron',
    expression: '0 7 * * *',
    timezone: 'Europe/Berlin',
    catchUp: 'last',
    ...kept,
    quota,
  });
});

test('a quota counts all who send, and says so of nobody else', () => {
  assert.deepEqual(sourceOf({ queue: 'jobs', quota: '10/s burst 50' }).quota, {
    count: 10,
    periodMs: 1000,
    per: 'project',
    burst: 50,
  });
  for (const quota of ['600', '600/min per project', '0/min', '10/s burst', '1/week', '']) {
    const problem = problemOf({ queue: 'jobs', quota });
    assert.equal(problem.path, 'functions.main.on[0].quota', quota);
    assert.match(problem.expected, /a quota such as "600\/min"/);
  }
});

test('the pauses between attempts go together', () => {
  assert.equal(sourceOf({ queue: 'jobs', backoff: '10m' }).backoffMsMax, 600_000);
  assert.equal(sourceOf({ queue: 'jobs', backoffMax: '100ms' }).backoffMs, 100);
  assert.equal(sourceOf({ queue: 'jobs', backoff: '5s', backoffMax: '5s' }).backoffMsMax, 5000);
  const problem = problemOf({ queue: 'jobs', backoff: '5s', backoffMax: '4999ms' });
  assert.equal(problem.path, 'functions.main.on[0].backoffMax');
  assert.match(problem.expected, /at least as long a time as `backoff`/);
});

test('numbers and times end at their limits', () => {
  const last = LIMITS.sourceAttemptsMax.value;
  const batch = LIMITS.eventBatchMax.value;
  for (const [key, good, bad] of [
    ['attempts', last, last + 1],
    ['attempts', 1, 0],
    ['batch', batch, batch + 1],
    ['batch', 1, 0],
    ['batchWait', `${LIMITS.sourceBatchWaitMsMax.value}ms`, `${LIMITS.sourceBatchWaitMsMax.value + 1}ms`],
    ['backoff', '10ms', '9ms'],
    ['backoffMax', `${LIMITS.sourceBackoffMsMax.value}ms`, `${LIMITS.sourceBackoffMsMax.value + 1}ms`],
  ] as const) {
    assert.equal(sourceOf({ queue: 'jobs', [key]: good }).kind, 'queue', key);
    assert.equal(problemOf({ queue: 'jobs', [key]: bad }).path, `functions.main.on[0].${key}`);
  }
  const bytes = LIMITS.bucketObjectBytesMax.value;
  assert.equal(sourceOf({ upload: 'photos', max: `${bytes}B` }).kind, 'upload');
  assert.equal(problemOf({ upload: 'photos', max: `${bytes + 1}B` }).path, 'functions.main.on[0].max');
  const most = Array.from({ length: LIMITS.sourcesPerFunctionMax.value }, (_, index) => ({
    queue: `jobs-${index}`,
  }));
  assert.equal(parseManifest(textOf(most)).functions[0]?.sources.length, most.length);
  assert.match(problemsOf([...most, { queue: 'one-more' }])[0]?.expected ?? '', /at most 50 items/);
});

test('a slip is named at its place, in the words of the form that was meant', () => {
  const unknown = problemOf({ cron: '0 7 * * *', timezne: 'UTC' });
  assert.equal(unknown.path, 'functions.main.on[0].timezne');
  assert.equal(unknown.suggestion, '"timezone"');
  assert.match(problemOf({ queue: 'jobs', prefix: 'in/' }).expected, /^one of the keys queue, batch/);
  assert.match(problemOf({ queue: 'Jobs' }).expected, /the name of a queue/);
  for (const source of [{}, { quue: 'jobs' }, { queue: 'jobs', upload: 'photos' }, 'jobs', null]) {
    const problem = problemOf(source);
    assert.equal(problem.path, 'functions.main.on[0]', JSON.stringify(source));
    assert.match(problem.expected, /^exactly one of upload, queue, cron, pipe/);
  }
});

test('content types are exact or all of a kind, and never all of all', () => {
  for (const type of ['*/*', '*', 'image', 'Image/PNG', 'image/png; q=1', '*/png']) {
    assert.equal(problemOf({ upload: 'photos', types: [type] }).path, 'functions.main.on[0].types[0]', type);
  }
  assert.equal(sourceOf({ upload: 'photos', types: ['text/html', 'image/svg+xml'] }).kind, 'upload');
});

test('a prefix is what a key can start with', () => {
  assert.equal(sourceOf({ upload: 'photos', prefix: 'Fotos/Äpfel > Birnen/' }).kind, 'upload');
  for (const prefix of ['a\n', '\0', 'a\u{85}', 'a'.repeat(513)]) {
    assert.equal(problemOf({ upload: 'photos', prefix }).path, 'functions.main.on[0].prefix');
  }
});

test('a queue has one consumer in an app, and a function has each other source once', () => {
  const other = { other: { entry: 'o.ts', on: [{ queue: 'jobs' }, { upload: 'photos' }] } };
  const [taken] = problemsOf([{ queue: 'jobs' }], other);
  assert.equal(taken?.path, 'functions.other.on[0].queue');
  assert.match(taken.got, /"jobs" twice: line 1 has it already/);
  assert.equal(parseManifest(textOf([{ upload: 'photos' }], other)).functions.length, 2);
  const [twice] = problemsOf([
    { upload: 'photos', prefix: 'in/' },
    { upload: 'photos', prefix: 'in/', max: '1KiB' },
  ]);
  assert.equal(twice?.path, 'functions.main.on[1].prefix');
  assert.equal(
    parseManifest(textOf([{ upload: 'photos', prefix: 'in/' }, { upload: 'photos' }])).functions.length,
    1,
  );
  const noon = { cron: '0 12 * * *' };
  assert.equal(problemsOf([noon, { ...noon, catchUp: 'all' }])[0]?.path, 'functions.main.on[1].cron');
  assert.equal(parseManifest(textOf([noon, { ...noon, timezone: 'Europe/Berlin' }])).functions.length, 1);
});

test('a schedule fires, in a time zone that exists', () => {
  for (const cron of ['0 0 30 2 *', '* * * *', '61 * * * *', '* * * * * * *', '']) {
    assert.equal(problemOf({ cron }).path, 'functions.main.on[0].cron', cron);
  }
  assert.match(problemOf({ cron: '0 0 30 2 *' }).expected, /a time that comes within 5 years/);
  const zone = problemOf({ cron: '0 7 * * *', timezone: 'Europe/Berln' });
  assert.equal(zone.path, 'functions.main.on[0].timezone');
  assert.equal(zone.suggestion, '"Europe/Berlin"');
  assert.equal(problemOf({ cron: '0 7 * * *', timezone: 'utc' }).suggestion, '"UTC"');
});

test('a pipe leads from another function of the app that has a grant to send', () => {
  const at = 'functions.main.on[0].pipe';
  const other = { orders: { entry: 'o.ts' } };
  assert.equal(problemOf({ pipe: 'main' }, other).path, at);
  assert.match(problemOf({ pipe: 'main' }, other).expected, /another function than this one/);
  assert.equal(problemOf({ pipe: 'ordes' }, other).suggestion, '"orders"');
  assert.equal(problemOf({ pipe: 'constructor' }, other).path, at);
  assert.match(problemOf({ pipe: 'orders' }, other).expected, /add one to functions\.orders\.grants/);
  const types = ['order.paid', 'order.sent'];
  assert.equal(sourceOf({ pipe: 'orders', types, ordered: true }, ORDERS).kind, 'pipe');
  const near = problemOf({ pipe: 'orders', types: ['order.sent', 'order.pad'] }, ORDERS);
  assert.equal(near.path, 'functions.main.on[0].types[1]');
  assert.equal(near.suggestion, '"order.paid"');
  assert.equal(
    problemsOf([{ pipe: 'orders' }, { pipe: 'orders' }], ORDERS)[0]?.path,
    'functions.main.on[1].pipe',
  );
});
