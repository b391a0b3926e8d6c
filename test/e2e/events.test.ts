/** What runs functions besides requests, on a whole server: the example `warehouse` and two apps beside it. */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { SIGN } from '../../src/identity/webhook/webhook.fixture.ts';
import { ServerProcess } from '../../tools/server-process.ts';
import { CLOCK, MENDER } from './event-apps.ts';
import { errorOf, type Platform, usePlatform, writeText } from './platform.ts';

const WAIT_MS = 15_000;
const PAUSE_MS = 40;
const HOOK_SECRET = `whsec_${randomBytes(32).toString('base64')}`;

const madeKeySchema = z.object({ id: z.string(), secret: z.string() });
const madeApiKeySchema = z.object({ key: z.string() });
const stockSchema = z.object({ count: z.number() });
const journalSchema = z.array(z.looseObject({ name: z.string() }));
const listSchema = z.object({
  events: z.array(
    z.object({
      id: z.string(),
      lane: z.string(),
      state: z.string(),
      attempts: z.number(),
      reason: z.string().nullable(),
    }),
  ),
});
const shownSchema = z.object({
  attempts: z.number(),
  failures: z.array(z.object({ attempt: z.number(), reason: z.string() })),
  event: z.looseObject({ type: z.string(), data: z.unknown() }),
});

let client: S3Client;
let sensorKey = '';
const platform = usePlatform([], [], prepare);
after(() => client.destroy());

async function prepare(started: Platform): Promise<void> {
  const { home, server } = started;
  const secret = join(home.folder, 'hook.txt');
  await writeText(secret, HOOK_SECRET);
  await home.json('secret', 'set', 'CARRIER_HOOK', '--from-file', secret);
  await started.deployExample('warehouse');
  for (const { manifest, source } of [CLOCK, MENDER]) {
    const folder = join(home.folder, 'apps', manifest.name);
    await writeText(join(folder, 'cordon.jsonc'), JSON.stringify(manifest));
    await writeText(join(folder, 'main.ts'), source);
    await started.deploy(folder);
  }
  const scope = ['--bucket', 'deliveries', '--prefix', 'in/', '--can', 'put'];
  const [made] = await home.json('access-key', 'create', '--name', 'ramp', ...scope);
  const { id: accessKeyId, secret: secretAccessKey } = madeKeySchema.parse(made);
  client = new S3Client({
    endpoint: server.s3Url,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey },
  });
  const whose = ['--app', 'warehouse', '--auth', 'sensors', '--name', 'hall', '--scope', 'readings:send'];
  const [key] = await home.json('key', 'create', ...whose);
  sensorKey = madeApiKeySchema.parse(key).key;
}

/** What is read once it is as it has to be. Throws when it does not become so in time. */
async function settled<T>(read: () => Promise<T>, isGood: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const value = await read();
    if (isGood(value)) return value;
    assert.ok(Date.now() < deadline, `it stays ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function upload(key: string, body: string, ContentType = 'text/csv'): Promise<unknown> {
  return client.send(new PutObjectCommand({ Bucket: 'deliveries', Key: key, Body: body, ContentType }));
}

async function stockOf(item: string): Promise<number> {
  return stockSchema.parse(JSON.parse(await platform().text(`/stock/${item}`))).count;
}

async function journal(): Promise<z.output<typeof journalSchema>> {
  return journalSchema.parse(JSON.parse(await platform().text('/journal')));
}

function post(path: string, body: string, headers: Record<string, string>): Promise<Response> {
  return platform().fetch(path, { method: 'POST', body, headers });
}

async function listEvents(...options: string[]): Promise<z.output<typeof listSchema>['events']> {
  const [listed] = await platform().home.json('events', 'list', ...options);
  return listSchema.parse(listed).events;
}

test('a delivery note that an S3 client uploads becomes stock, and the next step writes it down', async () => {
  await upload('in/monday.csv', 'teapot,12\ncup,30\nteapot,3\n');
  assert.deepEqual(
    await settled(
      () => stockOf('teapot'),
      (count) => count === 15,
    ),
    15,
  );
  assert.equal(
    await settled(
      () => stockOf('cup'),
      (count) => count === 30,
    ),
    30,
  );
  const entry = await settled(
    async () => (await journal()).find(({ key }) => key === 'in/monday.csv'),
    (found) => found !== undefined,
  );
  assert.equal(entry?.['rows'], 3);
  assert.match(entry.name, /^delivery\/evt_/);
});

test('what is no delivery note is refused, and changes nothing', async () => {
  await assert.rejects(upload('in/tuesday.csv', '<html><body>teapot,9</body></html>'), {
    name: 'CORDON_UPLOAD_TYPE_REFUSED',
  });
  await assert.rejects(upload('out/tuesday.csv', 'teapot,9\n'), { name: 'AccessDenied' });
  await assert.rejects(client.send(new GetObjectCommand({ Bucket: 'deliveries', Key: 'in/monday.csv' })), {
    name: 'AccessDenied',
  });
  const [listed] = await platform().home.json('quarantine', 'list');
  assert.match(JSON.stringify(listed), /"key":"in\/tuesday\.csv".*"reason":"/);
  await settled(
    () => listEvents('--state', 'waiting'),
    (events) => events.length === 0,
  );
  assert.equal(await stockOf('teapot'), 15);
});

test('a signed delivery of the carrier is answered at once and written down once', async () => {
  const deliver = (body: string, id: string, secret = HOOK_SECRET): Promise<Response> => {
    const signing = { body: Buffer.from(body), at: Math.floor(Date.now() / 1000), id, secret };
    return post('/hooks/carrier', body, {
      'content-type': 'application/json',
      ...SIGN.standard(signing),
    });
  };
  const body = JSON.stringify({ type: 'parcel.left', parcel: 17 });
  const taken = await deliver(body, 'msg_1');
  assert.deepEqual([taken.status, await taken.json()], [202, { accepted: 1, duplicates: 0 }]);
  assert.equal((await deliver(body, 'msg_1')).status, 401);
  const forged = await deliver(body, 'msg_2', `whsec_${randomBytes(32).toString('base64')}`);
  assert.deepEqual([forged.status, (await errorOf(forged)).code], [401, 'CORDON_UNAUTHENTICATED']);
  const entry = await settled(
    async () => (await journal()).filter(({ name }) => name.startsWith('carrier/')),
    (found) => found.length > 0,
  );
  assert.deepEqual(entry, [
    { name: 'carrier/msg_1', type: 'cordon.webhook.standard', said: { type: 'parcel.left', parcel: 17 } },
  ]);
});

test('readings of sensors are taken in the three modes of CloudEvents, with a key', async () => {
  const reading = (): Record<string, unknown> => ({
    specversion: '1.0',
    id: randomUUID(),
    source: '/halls/1',
    type: 'reading.taken',
    datacontenttype: 'application/json',
    data: { celsius: 21 },
  });
  const [binary, structured, ...batch] = [reading(), reading(), reading(), reading()];
  assert.ok(binary !== undefined && structured !== undefined);
  const { data, datacontenttype, ...attributes } = binary;
  const fields = Object.entries(attributes).map(([name, value]) => [`ce-${name}`, String(value)] as const);
  const key = { 'x-api-key': sensorKey };
  const answers = [
    await post('/sensors', JSON.stringify(data), {
      ...key,
      ...Object.fromEntries(fields),
      'content-type': String(datacontenttype),
    }),
    await post('/sensors', JSON.stringify(structured), {
      ...key,
      'content-type': 'application/cloudevents+json',
    }),
    await post('/sensors', JSON.stringify([...batch, structured]), {
      ...key,
      'content-type': 'application/cloudevents-batch+json',
    }),
  ];
  assert.deepEqual(await Promise.all(answers.map(async (answer) => [answer.status, await answer.json()])), [
    [202, { accepted: 1, duplicates: 0 }],
    [202, { accepted: 1, duplicates: 0 }],
    [202, { accepted: 2, duplicates: 1 }],
  ]);
  const refused = await post('/sensors', JSON.stringify(reading()), {
    'content-type': 'application/cloudevents+json',
  });
  assert.equal(refused.status, 401);
  const entries = await settled(
    async () => (await journal()).filter(({ name }) => name.startsWith('sensor/')),
    (found) => found.length >= 4,
  );
  assert.deepEqual(
    entries.map(({ name }) => name),
    [binary, structured, ...batch].map(({ id }) => `sensor/${String(id)}`).toSorted(),
  );
});

test('a schedule of each second fires at each second, once', async () => {
  const ticks = await settled(
    async () => z.array(z.number()).parse(JSON.parse(await platform().text('/clock'))),
    (found) => found.length >= 3,
  );
  assert.ok(ticks.every((tick) => tick % 1000 === 0));
  const gaps = ticks.slice(1).map((tick, index) => tick - (ticks[index] ?? 0));
  assert.ok(
    gaps.every((gap) => gap === 1000),
    JSON.stringify(ticks),
  );
});

test('a message that nobody can take is shown to the operator, delivered again, or dropped', async () => {
  const { home } = platform();
  await post('/mender/send', 'first', {});
  const isDead = (events: readonly unknown[]): boolean => events.length === 1;
  const dead = (): ReturnType<typeof listEvents> => listEvents('--lane', 'queue:broken', '--state', 'dead');
  const [first] = await settled(dead, isDead);
  assert.deepEqual([first?.state, first?.attempts], ['dead', 2]);
  const [shown] = await home.json('events', 'show', first?.id ?? '');
  const { event, failures, attempts } = shownSchema.parse(shown);
  assert.deepEqual([event.data, attempts, failures.map(({ attempt }) => attempt)], ['first', 2, [1, 2]]);
  const told = await home.run('events', 'show', first?.id ?? '');
  assert.match(told.stdout, /queue:broken/);

  assert.equal((await home.run('events', 'drop', first?.id ?? '')).code, 0);
  assert.deepEqual(await dead(), []);
  assert.equal((await home.run('events', 'show', first?.id ?? '')).code, 1);

  await post('/mender/send', 'second', {});
  const [second] = await settled(dead, isDead);
  await post('/mender/mend', '', {});
  const [replayed] = await home.json('events', 'replay', second?.id ?? '');
  assert.deepEqual(replayed, { replayed: 1 });
  await settled(
    async () => (await post('/mender/look', '', {})).text(),
    (taken) => taken === 'second',
  );
  assert.deepEqual(await listEvents('--lane', 'queue:broken'), []);
});

test('what was acknowledged before a kill is done after it', async () => {
  const running = platform();
  const rows = Array.from({ length: 60 }, () => 'spoon,1').join('\n');
  await Promise.all(['a', 'b', 'c'].map((name) => upload(`in/${name}.csv`, rows)));
  await running.server.kill();
  running.server = await ServerProcess.start(running.home, { after: running.server });
  await settled(
    () => stockOf('spoon'),
    (count) => count >= 180,
  );
  await settled(
    async () => (await journal()).filter(({ rows: count }) => count === 60).length,
    (count) => count === 3,
  );
  await settled(
    () => listEvents('--state', 'waiting'),
    (events) => events.every(({ lane }) => lane.startsWith('cron:')),
  );
  assert.equal(await stockOf('spoon'), 180);
  assert.equal(await stockOf('teapot'), 15);
  assert.deepEqual(await listEvents('--state', 'dead'), []);
});
