import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Keeper, outcomesOf, type Outcome } from '../keeper.ts';
import type { Row, Verdict } from '../row.ts';
import type { Stage } from '../stage.ts';

const PATH = '/attacker/narrow';
/** Denials of one instance that become events are bounded: each batch is of an instance of its own. */
const BATCH = 40;
const MISSING = 'CORDON_GRANT_MISSING';
/** What a call is answered with that is granted and that nobody can serve. */
const MALFORMED = /^CORDON_(?:CALL|CURSOR|KV_KEY|BUCKET_KEY)_INVALID$/;

/** Names of bindings that a guest makes up: others' names, those of resources, and those that every object has. */
const FORGED = [
  'KEEPER_STORE',
  'KEEPER_FILES',
  'KEEPER_JOBS',
  'SHARED_STORE',
  'SHARED_FILES',
  'keeper-store',
  'keeper-files',
  'keeper-jobs',
  'shared-store',
  'mine',
  'Mine',
  'MINE ',
  'MINE\0',
  'MINE\n',
  'ＭＩＮＥ',
  'M\u200dINE',
  '../WRITER',
  'MINE/../WRITER',
  '*',
  '',
  '0',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '__defineGetter__',
  'A'.repeat(256),
];

type Call = readonly [capability: string, binding: string, operation: string, args: unknown];

const KEY = { key: 'other/secret' };
const SEND = { messages: [{ contentType: 'text', bytes: 0 }] };
const REQUEST = { method: 'GET', url: 'http://x/attacker/late/modest?mark=forged', headers: [], body: false };

/** Calls for which there is no grant at all. */
function ungranted(): Call[] {
  const byName = FORGED.flatMap((name): Call[] => [
    ['kv', name, 'get', KEY],
    ['kv', name, 'put', { key: 'mine/forged' }],
    ['bucket', name, 'get', KEY],
    ['bucket', name, 'delete', { keys: ['other/secret'] }],
    ['queue', name, 'send', SEND],
    ['service', name, 'fetch', REQUEST],
    ['secret', name, 'reveal', {}],
  ]);
  const capabilities = [
    '',
    'KV',
    'kv\0',
    'store',
    'secrets',
    'deploy',
    'control',
    '__proto__',
    'constructor',
    'toString',
  ];
  return [
    ...byName,
    ...capabilities.map((name): Call => [name, 'MINE', 'get', { key: 'mine/a' }]),
    ...['LATE', 'PROBE', 'NARROW', 'late', 'talker'].map((name): Call => ['service', name, 'fetch', REQUEST]),
    // Bindings of one kind, used as those of another.
    ['bucket', 'MINE', 'get', KEY],
    ['kv', 'FILES', 'get', KEY],
    ['queue', 'MINE', 'send', SEND],
    ['connect', '', 'open', { host: '127.0.0.1', port: 1 }],
    ['fetch', '', 'fetch', { ...REQUEST, url: 'http://127.0.0.1/', redirect: 'follow', decode: true }],
  ];
}

/** Calls of operations that the grant of a binding does not name, and on keys that it does not cover. */
function beyond(): Call[] {
  const operations = [
    '',
    'GET',
    'getWithMetadata',
    'has',
    'clear',
    'put\0',
    '__proto__',
    'constructor',
    'toString',
  ];
  const prefixes = ['', 'm', 'mine', 'Mine/', 'other/', '/mine/', ' mine/', 'mine\\', 'ｍine/', 'mi\0ne/'];
  return [
    ...['put', 'delete', ...operations].map((name): Call => ['kv', 'MINE', name, { key: 'mine/a' }]),
    ...['get', 'list', 'delete'].map((name): Call => ['kv', 'WRITER', name, KEY]),
    ...['put', 'delete', 'list', ...operations].map((name): Call => [
      'bucket',
      'FILES',
      name,
      { key: 'mine/a' },
    ]),
    ...['get', 'head', 'list'].map((name): Call => ['bucket', 'FILES_WRITER', name, KEY]),
    ...prefixes.map((prefix): Call => ['kv', 'MINE', 'list', { prefix }]),
    ...[...prefixes, 'other/secret'].map((key): Call => ['kv', 'MINE', 'get', { key }]),
    ...[...prefixes, 'other/secret'].map((key): Call => ['bucket', 'FILES', 'get', { key }]),
    ['kv', 'MINE', 'list', {}],
    ['kv', 'MINE', 'get', { key: ['mine/a', 'other/secret'] }],
    ['kv', 'MINE', 'list', { prefix: ['other/', 'mine/'] }],
    ['bucket', 'FILES', 'head', KEY],
    ['bucket', 'FILES', 'get', { key: 'other/secret', range: { offset: 0 } }],
  ];
}

/** Calls that are within a grant and try to be about something else. */
function crooked(): Call[] {
  const cursor = Buffer.from('other/').toString('base64url');
  return [
    ['kv', 'MINE', 'get', { key: 'mine/a', store: 'keeper-store' }],
    ['kv', 'MINE', 'get', { key: 'mine/a', project: 'other' }],
    ['kv', 'MINE', 'get', { key: ['mine/a'] }],
    ['kv', 'MINE', 'get', { prefix: 'mine/' }],
    ['kv', 'MINE', 'get', null],
    ['kv', 'MINE', 'get', 'other/secret'],
    ['kv', 'MINE', 'list', { prefix: 'mine/', cursor }],
    ['kv', 'MINE', 'list', { prefix: 'mine/', cursor: 'AAAA' }],
    ['kv', 'MINE', 'list', { prefix: ['mine/'] }],
    ['kv', 'MINE', 'list', { prefix: 'mine/', limit: -1 }],
    ['kv', 'MINE', 'get', { key: 'mine/\0' }],
    ['kv', 'MINE', 'get', { key: 'mine/\ud800' }],
    ['bucket', 'FILES', 'get', { key: 'mine/a', bucket: 'keeper-files' }],
    ['bucket', 'FILES', 'get', { key: ['mine/a', 'other/secret'].slice(0, 1) }],
  ];
}

/** What code asks for by the objects in `env`, which are no more than names for the host. */
const BY_BINDING = [
  ['KEEPER_STORE', 'get', 'a'],
  ['KEEPER_JOBS', 'send', 'x'],
  ['SHARED_STORE', 'get', 'other/secret'],
  ['__proto__', 'get', 'a'],
  ['MINE', 'get', 'other/secret'],
  ['MINE', 'get', ['mine/a', 'other/secret']],
  ['MINE', 'getWithMetadata', 'other/secret'],
  ['MINE', 'put', 'mine/a', 'x'],
  ['MINE', 'delete', 'mine/a'],
  ['MINE', 'list'],
  ['MINE', 'list', { prefix: 'other/' }],
  ['WRITER', 'get', 'other/secret'],
  ['FILES', 'get', 'other/secret'],
  ['FILES', 'put', 'mine/a', 'x'],
  ['FILES', 'list', { prefix: 'mine/' }],
  ['FILES_WRITER', 'delete', 'other/secret'],
] as const;

/** All that there is to read or to change, as those who may see it see it. */
async function everything(stage: Stage): Promise<string> {
  const keeper = await Keeper.of(stage);
  const seen = await keeper.stores(
    ['KEEPER_STORE', 'list'],
    ['KEEPER_STORE', 'get', 'a'],
    ['SHARED_STORE', 'list'],
    ['SHARED_STORE', 'get', 'other/secret'],
    ['SHARED_STORE', 'get', 'mine/a'],
    ['KEEPER_FILES', 'list'],
    ['SHARED_FILES', 'list'],
    ['SHARED_FILES', 'get', 'other/secret'],
    ['SHARED_FILES', 'get', 'mine/a'],
  );
  // Nothing takes the messages here: they are counted where they wait.
  const database = new DatabaseSync(join(stage.home.dataDirectory, 'cordon.db'), { readOnly: true });
  const messages = database.prepare('select lane, count(*) as waiting from events group by lane').all();
  database.close();
  return JSON.stringify([seen, messages]);
}

async function send(
  stage: Stage,
  calls: readonly Call[],
  judge: (call: Call, outcome: Outcome) => void,
): Promise<void> {
  for (let start = 0; start < calls.length; start += BATCH) {
    const batch = calls.slice(start, start + BATCH);
    const outcomes = await outcomesOf(stage, `${PATH}/forge`, batch);
    for (const [index, call] of batch.entries()) judge(call, outcomes[index] ?? {});
    await stage.outcome(`${PATH}/exit`, { method: 'POST', body: '[]' });
  }
}

const others: Row = {
  id: 'F5',
  title: 'kv, buckets, queues and services without a grant: by name, operation, prefix and raw frame',
  event: ['grant.denied'],
  async attack(stage, verdict) {
    const keeper = await Keeper.of(stage);
    const canary = `ungranted-${crypto.randomUUID()}`;
    await keeper.stores(
      ['KEEPER_STORE', 'put', 'a', canary],
      ['SHARED_STORE', 'put', 'other/secret', canary],
      ['SHARED_STORE', 'put', 'mine/a', 'mine'],
      ['KEEPER_FILES', 'put', 'a', canary],
      ['SHARED_FILES', 'put', 'other/secret', canary],
      ['SHARED_FILES', 'put', 'mine/a', 'mine'],
      ['KEEPER_JOBS', 'send', canary],
    );
    const before = { all: await everything(stage), event: await stage.lastEvent() };
    const judge = (expected: (error: string) => boolean) => (call: readonly unknown[], outcome: Outcome) => {
      const text = JSON.stringify(call).slice(0, 120);
      verdict.expect(
        expected(outcome.error ?? 'no error'),
        `${text}: ${JSON.stringify(outcome).slice(0, 160)}`,
      );
      verdict.unharmed(!JSON.stringify(outcome).includes(canary), `${text} read what is not granted`);
    };
    const denied = [...ungranted(), ...beyond()];
    await send(
      stage,
      denied,
      judge((error) => error === MISSING),
    );
    await send(
      stage,
      crooked(),
      judge((error) => MALFORMED.test(error)),
    );
    const byBinding = await outcomesOf(stage, `${PATH}/ask`, BY_BINDING);
    for (const [index, call] of BY_BINDING.entries())
      judge((error) => error === MISSING || error === 'TypeError')(call, byBinding[index] ?? {});
    verdict.unharmed((await everything(stage)) === before.all, 'something was written or removed');
    const marks = await stage.logs({ app: 'attacker', function: 'late' });
    verdict.unharmed(!marks.some(({ message }) => message.includes('forged')), 'another function was called');
    await explained(stage, verdict, before.event, denied);
    verdict.note(`${denied.length} calls without a grant, ${crooked().length} crooked ones`);
  },
  async twin(stage) {
    const keeper = await Keeper.of(stage);
    await keeper.stores(['SHARED_FILES', 'put', 'mine/a', 'a file']);
    const mine = await outcomesOf(stage, `${PATH}/ask`, [
      ['WRITER', 'put', 'mine/b', 'a value'],
      ['MINE', 'get', 'mine/b'],
      ['MINE', 'list', { prefix: 'mine/' }],
      ['FILES', 'get', 'mine/a'],
      ['FILES', 'head', 'mine/a'],
    ]);
    const [, got, , file] = mine;
    if (mine.some(({ error }) => error !== undefined) || got?.value !== 'a value' || file?.value !== 'a file')
      throw new Error(`what is granted is refused: ${JSON.stringify(mine)}`);
    // The same frames by hand, for what is granted.
    const [byHand] = await outcomesOf(stage, `${PATH}/forge`, [['kv', 'MINE', 'get', { key: 'mine/b' }]]);
    if (byHand?.error !== undefined) throw new Error(`a call by hand is refused: ${JSON.stringify(byHand)}`);
    const called = await keeper.stores(['KEEPER_TALKER', 'fetch', 'http://x/keeper/talker']);
    if (called[0]?.error !== undefined) throw new Error(`a granted service is refused: ${called[0].message}`);
  },
};

/** The operator sees who asked for what, and which rule said no. */
async function explained(
  stage: Stage,
  verdict: Verdict,
  after: number,
  calls: readonly Call[],
): Promise<void> {
  const events = (await stage.events(after)).filter(
    ({ kind, app }) => kind === 'grant.denied' && app === 'attacker',
  );
  verdict.expect(events.length >= calls.length, `${events.length} events for ${calls.length} denials`);
  for (const capability of ['kv', 'bucket', 'queue', 'service', 'secret', 'fetch', 'connect'])
    verdict.expect(
      events.some(({ detail, reason }) => detail['capability'] === capability && reason !== ''),
      `no event about ${capability}`,
    );
  verdict.expect(
    events.every(({ detail }) => typeof detail['binding'] === 'string' && detail['operation'] !== undefined),
    'an event does not say what was asked for',
  );
}

export const GRANT_ROWS: readonly Row[] = [others];
