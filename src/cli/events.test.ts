import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { startControl, type Harness } from '../control/control.fixture.ts';
import { detailOf } from '../control/events.fixture.ts';
import { cordon, temporaryFolder, type Outcome } from './cli.fixture.ts';

let control: Harness;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

before(async () => {
  control = await startControl();
  folder = await temporaryFolder();
});
beforeEach(() => {
  control.events.held = [
    detailOf('evt_1'),
    detailOf('evt_2', { state: 'waiting', failures: [], reason: null }),
  ];
});
after(async () => {
  await control.close();
  await folder.remove();
});

function run(...argv: readonly string[]): Promise<Outcome> {
  const env = { CORDON_URL: control.url, CORDON_TOKEN: control.token };
  return cordon(['events', ...argv], { cwd: folder.path, env });
}

test('events list shows events by lane and state, and says where to go on', async () => {
  const listed = await run('list');
  assert.equal(listed.code, 0, listed.stderr);
  assert.match(
    listed.stdout,
    /^ID +STATE +LANE +ATTEMPTS[^\n]*\nevt_1 +dead +queue:jobs +2 +7 +2023-11-14 22:13:20 +2023-11-14 22:13:29 +the handler threw: Error: no\nevt_2 +waiting [^\n]* -\n$/,
  );
  assert.doesNotMatch((await run('list', '--state', 'waiting')).stdout, /evt_1/);
  const first = await run('list', '-n', '1', '--lane', 'queue:jobs');
  assert.match(first.stderr, /go on with --after 1\n$/);
  assert.match((await run('list', '-n', '1', '--after', '1')).stdout, /evt_2/);
  assert.equal((await run('list', '--lane', 'queue:other')).stdout, 'no events\n');
  const json = JSON.parse((await run('list', '--json')).stdout) as { events: unknown[]; next: null };
  assert.equal(json.events.length, 2);
  for (const wrong of [
    ['--state', 'all'],
    ['-n', '0'],
    ['-n', '1001'],
    ['--project', 'x'],
  ])
    assert.equal((await run('list', ...wrong)).code, 2, wrong.join(' '));
});

test('events lanes counts what each lane holds', async () => {
  assert.match(
    (await run('lanes')).stdout,
    /^LANE +TAKEN BY +WAITING +BYTES +DEAD\nqueue:jobs +\(nobody\) +1 +7 +1\n$/,
  );
  assert.deepEqual(JSON.parse((await run('lanes', '--json')).stdout), {
    lanes: [{ lane: 'queue:jobs', waiting: 1, waitingBytes: 7, dead: 1 }],
    delivery: { inFlight: 0, draining: false, functions: [], unserved: [] },
  });
  control.events.held = [];
  assert.equal((await run('lanes')).stdout, 'no events\n');
});

test('events show prints the attributes, the attempts with their reasons and times, and the data', async () => {
  const { stdout, code } = await run('show', 'evt_1');
  assert.equal(code, 0);
  assert.match(
    stdout,
    /^id +evt_1\nlane +queue:jobs\nstate +dead\nattempts +2\nhops +0\naccepted +2023-11-14 22:13:20\ndied +/,
  );
  assert.match(
    stdout,
    /ATTEMPT +AT +REASON\n1 +2023-11-14 22:13:21 +timeout\n2 +2023-11-14 22:13:29 +the handler/,
  );
  assert.match(stdout, /specversion +1\.0\nid +msg-1\nsource +\/queues\/jobs\n/);
  assert.match(stdout, /data, 7 bytes\n\{\n {2}"a": 1\n\}\n$/);
  const json = JSON.parse((await run('show', 'evt_1', '--json')).stdout) as {
    event: Record<string, unknown>;
  };
  assert.deepEqual(json.event['data'], { a: 1 });
  const unknown = await run('show', 'evt_9');
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /CORDON_EVENT_UNKNOWN[\s\S]*next: List the events/);
  assert.equal((await run('show')).code, 2);
});

test('nothing of an event steers the terminal', async () => {
  const { event } = detailOf('evt_1');
  const evil = 'a\u001b[2J\u202eb\nspecversion  2.0';
  const withData = (datacontenttype: string, data: Uint8Array) =>
    detailOf('evt_1', {
      lane: evil,
      reason: evil,
      failures: [{ at: 0, attempt: 1, reason: evil }],
      event: { attributes: { ...event.attributes, subject: evil, datacontenttype }, data },
    });
  for (const [type, data, shown] of [
    ['text/plain', Buffer.from('\u001b]0;x\u0007'), '\\u001b]0;x\\u0007\n'],
    ['application/json', Buffer.from('"\u009b"'), '"\\u009b"\n'],
    ['application/octet-stream', Buffer.from('\u001bc'), '\\u001bc\n'],
    ['application/octet-stream', Buffer.from([0xff, 0x1b]), ', base64\n/xs=\n'],
  ] as const) {
    control.events.held = [withData(type, data)];
    const { stdout } = await run('show', 'evt_1');
    assert.ok(stdout.endsWith(shown), JSON.stringify(stdout));
    for (const text of [stdout, (await run('list')).stdout, (await run('lanes')).stdout]) {
      // eslint-disable-next-line no-control-regex -- these are what is looked for
      assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      assert.doesNotMatch(text, /^specversion {2}2\.0/m);
    }
  }
});

test('events replay delivers dead letters again, and says where there are none', async () => {
  const one = await run('replay', 'evt_1');
  assert.deepEqual([one.code, one.stdout], [0, 'delivering again: 1\n']);
  const again = await run('replay', 'evt_1', 'evt_2');
  assert.deepEqual([again.code, again.stdout], [1, 'delivering again: 0\n']);
  control.events.held = [detailOf('evt_1'), detailOf('evt_3')];
  assert.equal((await run('replay', '--lane', 'queue:jobs', '--json')).stdout, '{"replayed":2}\n');
  assert.equal((await run('replay', '--lane', 'queue:jobs')).code, 0);
  for (const wrong of [[], ['evt_1', '--lane', 'queue:jobs'], ['--state', 'dead', '--lane', 'a']])
    assert.equal((await run('replay', ...wrong)).code, 2, wrong.join(' '));
});

test('events drop removes what is named, and a whole lane only with --yes', async () => {
  for (const wrong of [
    [],
    ['--lane', 'queue:jobs'],
    ['--lane', 'queue:jobs', '--state', 'waiting'],
    ['--lane', 'queue:jobs', '--state', 'all', '--yes'],
    ['evt_1', '--lane', 'queue:jobs', '--yes'],
    ['evt_1', '--state', 'dead'],
  ]) {
    const { code, stdout } = await run('drop', ...wrong);
    assert.deepEqual([code, stdout], [2, ''], wrong.join(' '));
  }
  assert.match(
    (await run('drop', '--lane', 'queue:jobs')).stderr,
    /every dead letter of "queue:jobs" for good[\s\S]*--yes/,
  );
  assert.equal(control.events.held.length, 2);
  assert.deepEqual((await run('drop', 'evt_1')).stdout, 'removed: 1\n');
  assert.equal((await run('drop', 'evt_1')).code, 1);
  assert.equal((await run('drop', '--lane', 'queue:jobs', '--yes')).stdout, 'removed: 0\n');
  assert.equal(control.events.held.length, 1);
  assert.equal(
    (await run('drop', '--lane', 'queue:jobs', '--state', 'waiting', '--yes', '--json')).stdout,
    '{"dropped":1}\n',
  );
  assert.deepEqual(control.events.held, []);
});

test('the help and the completion know the commands', async () => {
  assert.match(
    (await run('drop', '--help')).stdout,
    /cordon events drop --lane queue:jobs --state dead --yes/,
  );
  assert.match((await run('--help')).stdout, /list[\s\S]*lanes[\s\S]*show[\s\S]*replay[\s\S]*drop/);
  const completion = await cordon(['completion', 'bash'], { cwd: folder.path });
  assert.match(completion.stdout, /list lanes show replay drop/);
});
