import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../contract/index.ts';
import { CronTimes, isTimeZone } from './cron.ts';

function timesOf(expression: string, timezone: string, from: string, count: number): string[] {
  const times = new CronTimes(expression, timezone);
  const found: string[] = [];
  let at = Date.parse(from);
  for (let index = 0; index < count; index++) {
    const next = times.next(at);
    assert.ok(next !== null && next > at);
    found.push(new Date(next).toISOString().replace(':00.000Z', 'Z'));
    at = next;
  }
  return found;
}

// The night before clocks are put forward and back, and the hour that is left out or comes twice.
const CHANGES = [
  {
    timezone: 'Europe/Berlin',
    hour: 2,
    forward: { from: '2026-03-28T12:00:00Z', after: '2026-03-29T01:00Z', next: '2026-03-30T00:30Z' },
    back: { from: '2026-10-24T12:00:00Z', first: '2026-10-25T00:30Z', next: '2026-10-26T01:30Z' },
  },
  {
    timezone: 'America/New_York',
    hour: 2,
    forward: { from: '2026-03-07T12:00:00Z', after: '2026-03-08T07:00Z', next: '2026-03-09T06:30Z' },
    back: null,
  },
  {
    timezone: 'America/New_York',
    hour: 1,
    forward: null,
    back: { from: '2026-10-31T12:00:00Z', first: '2026-11-01T05:30Z', next: '2026-11-02T06:30Z' },
  },
];

for (const { timezone, hour, forward, back } of CHANGES) {
  test(`a time fires once where ${timezone} leaves out ${hour}:30 or has it twice`, () => {
    if (forward !== null) {
      assert.deepEqual(timesOf(`30 ${hour} * * *`, timezone, forward.from, 2), [forward.after, forward.next]);
    }
    if (back !== null) {
      assert.deepEqual(timesOf(`30 ${hour} * * *`, timezone, back.from, 2), [back.first, back.next]);
      // Begun between the two, it has had its time that day.
      const between = new Date(Date.parse(back.first) + 600_000).toISOString();
      assert.deepEqual(timesOf(`30 ${hour} * * *`, timezone, between, 1), [back.next]);
    }
  });
}

test('so does each time of a list or a range of hours', () => {
  assert.deepEqual(timesOf('30 1,2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 3), [
    '2026-03-29T00:30Z',
    '2026-03-29T01:00Z',
    '2026-03-29T23:30Z',
  ]);
  assert.deepEqual(timesOf('30 1-2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 3), [
    '2026-10-24T23:30Z',
    '2026-10-25T00:30Z',
    '2026-10-26T00:30Z',
  ]);
});

test('an interval fires at each real minute or hour through a change of the clock', () => {
  for (const timezone of ['Europe/Berlin', 'America/New_York']) {
    for (const day of ['2026-03-08', '2026-03-29', '2026-10-25', '2026-11-01']) {
      for (const [expression, stepMs] of [
        ['* * * * *', 60_000],
        ['30 * * * *', 3_600_000],
      ] as const) {
        const times = new CronTimes(expression, timezone);
        const begin = Date.parse(`${day}T00:30:00Z`);
        for (let at = begin; at < begin + 8 * 3_600_000; at += stepMs) {
          assert.equal(times.next(at), at + stepMs);
        }
      }
    }
  }
});

test('the latest times are those that come one after the other, however they are asked for', () => {
  const expression = fc.constantFrom(
    '30 2 * * *',
    '*/20 * * * *',
    '0,30 1-3 * * *',
    '*/10 * * * * *',
    '0 0 * * 0',
  );
  const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe');
  const edge = fc.constantFrom(
    '2026-03-29',
    '2026-10-25',
    '2026-03-08',
    '2026-11-01',
    '2026-04-05',
    '2026-10-04',
  );
  fc.assert(
    fc.property(
      expression,
      zone,
      edge,
      fc.integer({ min: -6 * 3_600_000, max: 6 * 3_600_000 }),
      fc.integer({ min: 0, max: 6 * 3_600_000 }),
      fc.integer({ min: 1, max: 20 }),
      (text, timezone, day, offset, length, count) => {
        const times = new CronTimes(text, timezone);
        const after = Date.parse(`${day}T02:00:00Z`) + offset;
        const until = after + length;
        const all: number[] = [];
        for (let at = times.next(after); at !== null && at <= until; at = times.next(at)) all.push(at);
        assert.deepEqual(times.latest(after, until, count), all.slice(-count));
      },
    ),
    { numRuns: 100 },
  );
});

test('seconds come first where there are six fields', () => {
  const times = new CronTimes('*/20 0 7 * * *', 'UTC');
  const at = Date.parse('2026-01-05T07:00:00.000Z');
  assert.deepEqual(times.latest(at - 1, at + 60_000, 10), [at, at + 20_000, at + 40_000]);
  assert.equal(times.next(at + 40_000), at + 86_400_000);
});

test('what is no expression is refused, and one that names no time is found out', () => {
  for (const expression of [
    '',
    '* * * *',
    '* * * * * * *',
    '60 * * * *',
    '* 24 * * *',
    '0 0 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '5-1 * * * *',
    '@daily',
    '0 0 ? * *',
    '0 0 1 * +1',
    ' 0 0 * * *',
    '0  0 * * *',
    '0 0 * * *\n',
    '0 0 * * FOO',
    '*/0 * * * *',
  ]) {
    assert.throws(() => new CronTimes(expression, 'UTC'), RangeError, JSON.stringify(expression));
  }
  assert.equal(new CronTimes('0 0 29 2 *', 'UTC').fires(), true);
  for (const expression of ['0 0 30 2 *', '0 0 31 2,4,6,9,11 *']) {
    assert.equal(new CronTimes(expression, 'UTC').fires(), false, expression);
  }
});

test('an expression is as long as its limit and no longer', () => {
  const max = LIMITS.cronCharactersMax.value;
  const longest = `${'0,'.repeat((max - 9) / 2)}0 * * * *`;
  const padded = longest.replace('0,', '00,'.slice(0, 2 + max - longest.length));
  assert.equal(padded.length, max);
  assert.ok(new CronTimes(padded, 'UTC').fires());
  assert.throws(() => new CronTimes(`0${padded}`, 'UTC'), /at most 128 characters/);
});

test('a time zone is one of the database, written as it is there', () => {
  for (const zone of ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'GMT', 'Etc/GMT+5', 'CET']) {
    assert.equal(isTimeZone(zone), true, zone);
  }
  for (const zone of [
    '',
    'utc',
    'europe/berlin',
    '+02:00',
    'Mars/Base',
    'Europe/Berlin>x/y',
    'Europe/Berlin ',
  ]) {
    assert.equal(isTimeZone(zone), false, zone);
  }
});
