import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, afterEach, test } from 'node:test';
import { CordonError, LIMITS, type Clock } from '../contract/index.ts';
import { openSqliteStore, type Store } from '../store/index.ts';
import { EvidenceTables } from './evidence-tables.ts';
import { createEvidence } from './evidence.ts';
import type { Evidence, LogLine } from './port.ts';

const root = mkdtempSync(join(tmpdir(), 'cordon-evidence-'));
after(() => rmSync(root, { recursive: true, force: true }));

const LINE = {
  level: 'info',
  source: 'function',
  app: 'shop',
  function: 'orders',
  deployment: '0123456789ab',
  instance: 'ins_1',
  request: 'req_1',
  message: 'hello',
} as const satisfies Omit<LogLine, 'time'>;

const EVENT = {
  kind: 'auth.failed',
  severity: 'low',
  app: null,
  function: null,
  instance: null,
  request: null,
  reason: 'CORDON_UNAUTHENTICATED',
  detail: {},
} as const;

/** A clock that stands still until it is moved. */
class StillClock implements Clock {
  #now = 1_000_000;
  now(): number {
    return this.#now;
  }
  monotonic(): number {
    return this.#now;
  }
  move(ms: number): void {
    this.#now += ms;
  }
}

/** The store below it, until it is told to fail. */
class FailingStore implements Store {
  readonly dialect = 'sqlite';
  readonly #store: Store;
  failure: CordonError | null = null;
  commits = 0;
  constructor(store: Store) {
    this.#store = store;
  }
  query: Store['query'] = (statement) => this.#store.query(statement);
  async commit(...[writes]: Parameters<Store['commit']>): Promise<number[]> {
    this.commits += 1;
    if (this.failure !== null) throw this.failure;
    return this.#store.commit(writes);
  }
  scrub(): Promise<void> {
    return this.#store.scrub();
  }
  close(): Promise<void> {
    return this.#store.close();
  }
}

let clock: StillClock;
let store: FailingStore;
let evidence: Evidence;
let stores = 0;

beforeEach(async () => {
  stores += 1;
  clock = new StillClock();
  store = new FailingStore(await openSqliteStore({ path: join(root, `${stores}.db`) }));
  evidence = createEvidence({ store, clock });
});
afterEach(() => store.close());

test('gives back what was logged, oldest first, with numbers that rise', async () => {
  for (const message of ['one', 'two', 'three']) evidence.log({ ...LINE, message });
  const lines = await evidence.logs({});
  assert.deepEqual(
    lines.map(({ message }) => message),
    ['one', 'two', 'three'],
  );
  assert.deepEqual(lines[0], { ...LINE, message: 'one', time: clock.now(), sequence: 1 });
  assert.deepEqual(
    lines.map(({ sequence }) => sequence),
    [1, 2, 3],
  );
});

test('finds lines by app, function, request and instance, and pages through them', async () => {
  for (let index = 0; index < 10; index += 1)
    evidence.log({ ...LINE, message: `${index}`, request: `req_${index}` });
  evidence.log({ ...LINE, app: 'blog', function: 'posts', instance: null, message: 'other' });
  const messages = async (query: Parameters<Evidence['logs']>[0]): Promise<string[]> =>
    (await evidence.logs(query)).map(({ message }) => message);
  assert.deepEqual(await messages({ request: 'req_7' }), ['7']);
  assert.deepEqual(await messages({ app: 'blog' }), ['other']);
  assert.deepEqual(await messages({ function: 'posts', app: 'shop' }), []);
  assert.equal((await messages({ instance: 'ins_1' })).length, 10);
  assert.deepEqual(await messages({ limit: 2 }), ['9', 'other']);
  assert.deepEqual(await messages({ after: 0, limit: 2 }), ['0', '1']);
  assert.deepEqual(await messages({ after: 10 }), ['other']);
  assert.deepEqual(await messages({ app: "' OR 1=1 --" }), []);
});

test('goes on with its numbers after a restart', async () => {
  evidence.log(LINE);
  await evidence.flush();
  const restarted = createEvidence({ store, clock });
  restarted.log(LINE);
  assert.deepEqual(
    (await restarted.logs({})).map(({ sequence }) => sequence),
    [1, 2],
  );
});

test('keeps a guest from forging a line, a place or a terminal sequence', async () => {
  evidence.log({ ...LINE, message: 'done\r\n{"source":"platform","app":"bank"}\u001b[2J\u202e' });
  const lines = await evidence.logs({});
  assert.equal(lines.length, 1);
  assert.equal(lines[0]?.message, 'done\\r\\n{"source":"platform","app":"bank"}\\x1b[2J\\u202e');
  assert.equal(lines[0]?.source, 'function');
  assert.equal(lines[0]?.app, 'shop');
});

test('cuts a line that is too long, and leaves one that just fits', async () => {
  const max = LIMITS.logLineBytesMax.value;
  evidence.log({ ...LINE, message: 'a'.repeat(max) });
  evidence.log({ ...LINE, message: 'a'.repeat(max + 1) });
  const [fits, cut] = await evidence.logs({});
  assert.equal(fits?.message, 'a'.repeat(max));
  assert.match(cut?.message ?? '', / \[cut, 8193 bytes\]$/);
  assert.ok(Buffer.byteLength(cut?.message ?? '') <= max);
});

test('drops what an instance logs past its rate, says once how much, and spares its neighbour', async () => {
  const message = 'x'.repeat(1024);
  const lines = LIMITS.logBytesPerSecondMax.value / message.length;
  for (let index = 0; index < lines + 5; index += 1) evidence.log({ ...LINE, message });
  evidence.log({ ...LINE, instance: 'ins_2', message: 'neighbour' });
  evidence.log({ ...LINE, source: 'platform', message: 'platform' });
  await evidence.flush();
  assert.equal((await evidence.logs({ instance: 'ins_1', limit: 1000 })).length, lines + 1);
  assert.equal((await evidence.logs({ instance: 'ins_2' })).length, 1);

  clock.move(1000);
  await evidence.flush();
  const [, report] = await evidence.logs({ instance: 'ins_1', limit: 2 });
  assert.equal(report?.source, 'platform');
  assert.match(report?.message ?? '', /^5 lines were dropped/);

  evidence.log({ ...LINE, message: 'again' });
  clock.move(5000);
  assert.equal((await evidence.logs({ instance: 'ins_1' })).at(-1)?.message, 'again');
});

test('writes by itself, many rows with one commit, and not a commit per row', async () => {
  const before = store.commits;
  const followed = new Promise<void>((resolve) => {
    evidence.follow((line) => {
      if (line.message === 'last') resolve();
    });
  });
  for (let index = 0; index < 200; index += 1) evidence.log({ ...LINE, message: `${index}` });
  evidence.log({ ...LINE, message: 'last' });
  assert.equal(store.commits, before);
  await followed;
  assert.equal(store.commits - before, 1);
});

test('calls followers with each durable line in order, until they leave or fail', async () => {
  const seen: number[] = [];
  const unfollow = evidence.follow((line) => void seen.push(line.sequence));
  let failures = 0;
  evidence.follow(() => {
    failures += 1;
    throw new Error('a follower that fails');
  });
  evidence.log(LINE);
  evidence.log(LINE);
  await evidence.flush();
  unfollow();
  evidence.log(LINE);
  await evidence.flush();
  assert.deepEqual(seen, [1, 2]);
  assert.equal(failures, 1);
});

test('records security events with their detail', async () => {
  evidence.record({ ...EVENT, detail: { address: '127.0.0.1', attempts: 3 } });
  evidence.record({ ...EVENT, kind: 'sandbox.memory', reason: 'exit.memory' });
  const events = await evidence.events({});
  assert.deepEqual(events[0], {
    ...EVENT,
    time: clock.now(),
    sequence: 1,
    detail: { address: '127.0.0.1', attempts: 3 },
  });
  assert.equal((await evidence.events({ kind: 'sandbox.memory' })).length, 1);
  assert.equal((await evidence.events({ after: 1 })).length, 1);
  assert.equal((await evidence.events({ after: 2 })).length, 0);
});

test('takes any detail of a security event without throwing', async () => {
  const loop: Record<string, unknown> = {};
  loop['self'] = loop;
  evidence.record({ ...EVENT, detail: loop });
  const most = 'x'.repeat(LIMITS.eventDetailBytesMax.value - '{"big":""}'.length);
  evidence.record({ ...EVENT, detail: { big: most } });
  evidence.record({ ...EVENT, detail: { big: `${most}x` } });
  evidence.record({ ...EVENT, detail: { error: new Error('why'), count: 1n } });
  const details = (await evidence.events({})).map(({ detail }) => detail);
  assert.deepEqual(details, [
    { unreadable: 'TypeError' },
    { big: most },
    { cut: true, bytes: LIMITS.eventDetailBytesMax.value + 1 },
    { error: { name: 'Error', message: 'why' }, count: '1' },
  ]);
});

test('keeps what was logged while the store fails, and writes it when it works again', async () => {
  const health: (string | null)[] = [];
  evidence = createEvidence({
    store,
    clock,
    onStoreHealth: (failure) => void health.push(failure?.code ?? null),
  });
  store.failure = new CordonError('CORDON_STORE_FULL');
  evidence.log(LINE);
  evidence.record(EVENT);
  await assert.rejects(evidence.flush(), { code: 'CORDON_STORE_FULL' });
  assert.deepEqual(await evidence.logs({}), []);

  store.failure = null;
  await evidence.flush();
  assert.equal((await evidence.logs({})).length, 1);
  assert.equal((await evidence.events({})).length, 1);
  assert.deepEqual(health, ['CORDON_STORE_FULL', null]);
});

test('drops past its bound while the store fails, and says how much was lost', async () => {
  store.failure = new CordonError('CORDON_STORE_FAILED');
  const max = LIMITS.evidenceBufferRowsMax.value;
  for (let index = 0; index < max + 7; index += 1)
    evidence.log({ ...LINE, source: 'platform', message: `${index}` });
  // Security events have room of their own.
  evidence.record(EVENT);
  await assert.rejects(evidence.flush(), { code: 'CORDON_STORE_FAILED' });

  store.failure = null;
  await evidence.flush();
  await evidence.flush();
  const [last, report] = await evidence.logs({ limit: 2 });
  assert.equal(last?.message, `${max - 1}`);
  assert.match(report?.message ?? '', /^7 log lines and 0 security events were lost/);
  assert.equal((await evidence.events({})).length, 1);
});

test('keeps the newest rows, and no more than its bound', async () => {
  const tables = new EvidenceTables(store, undefined, { logRowsMax: 5, eventRowsMax: 2 });
  const time = clock.now();
  for (let index = 0; index < 6; index += 1) {
    await tables.write(
      [
        { ...LINE, time },
        { ...LINE, time },
      ],
      [{ ...EVENT, time, detail: '{}' }],
    );
  }
  const sequences = (rows: { sequence: number }[]): number[] => rows.map(({ sequence }) => sequence);
  assert.deepEqual(sequences(await tables.logs({})), [8, 9, 10, 11, 12]);
  assert.deepEqual(sequences(await tables.events({})), [5, 6]);
});
