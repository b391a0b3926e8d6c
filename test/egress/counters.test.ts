import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'iovalkey';
import { CordonError, LIMITS, Secret } from '../../src/contract/index.ts';
import { countersContract } from '../../src/rate/counters.contract.ts';
import { ValkeyCounters } from '../../src/rate/index.ts';
import type { Bucket, CountersFallback } from '../../src/rate/index.ts';
import { makeCertificate } from './certificate.fixture.ts';
import { startRedis } from './servers.fixture.ts';

const SLOW: Bucket = { count: 1, periodMs: 86_400_000, burst: 1 };

const redis = await startRedis();
if (redis === null) throw new Error('These tests need valkey-server or redis-server.');
after(() => redis.stop());

interface Opened {
  readonly counters: ValkeyCounters;
  readonly changes: [up: boolean, reason: string][];
  /** Resolves with the next change. */
  readonly next: () => Promise<void>;
}

async function open(url: string, fallback: CountersFallback = 'local', prefix?: string): Promise<Opened> {
  const changes: [boolean, string][] = [];
  let told = (): void => undefined;
  const counters = new ValkeyCounters({
    url: new Secret(url),
    fallback,
    ...(prefix === undefined ? {} : { prefix }),
    changed: (up, reason) => {
      changes.push([up, reason]);
      told();
    },
  });
  await counters.open();
  return { counters, changes, next: () => new Promise((resolve) => (told = resolve)) };
}

countersContract('Valkey', async () => {
  const { counters } = await open(`redis://127.0.0.1:${redis.port}`, 'closed');
  return { counters, pass: (ms) => sleep(ms) };
});

suite('Valkey that comes and goes', () => {
  let port: number;
  before(() => {
    port = redis.port;
  });

  const allowed = async (counters: ValkeyCounters, key: string): Promise<boolean | undefined> =>
    (await counters.take([{ key, bucket: SLOW }]))[0]?.allowed;

  test('two nodes share their buckets, and another prefix does not', async () => {
    const url = `redis://127.0.0.1:${port}`;
    const [one, two, other] = [await open(url), await open(url), await open(url, 'local', 'other:')];
    assert.equal(await allowed(one.counters, 'shared'), true);
    assert.equal(await allowed(two.counters, 'shared'), false);
    assert.equal(await allowed(other.counters, 'shared'), true);
    for (const { counters } of [one, two, other]) counters.close();
  });

  test('while it is gone each node counts by itself, without a wait, and they share again when it is back', async () => {
    let server = await startRedis();
    assert.ok(server !== null);
    const url = `redis://127.0.0.1:${server.port}`;
    const [one, two] = [await open(url), await open(url)];
    assert.equal(await allowed(one.counters, 'before'), true);
    const lost = Promise.all([one.next(), two.next()]);
    await server.stop();
    await lost;
    for (const { counters } of [one, two]) {
      const taken = counters.take([{ key: 'gone', bucket: SLOW }]);
      assert.ok(!(taken instanceof Promise), 'an answer at once');
      assert.equal(taken[0]?.allowed, true);
      assert.equal(await allowed(counters, 'gone'), false);
    }
    const back = Promise.all([one.next(), two.next()]);
    server = await startRedis({ port: server.port });
    await back;
    assert.equal(await allowed(one.counters, 'after'), true);
    assert.equal(await allowed(two.counters, 'after'), false);
    for (const { counters, changes } of [one, two]) {
      assert.deepEqual(
        changes.map(([up]) => up),
        [false, true],
      );
      counters.close();
    }
    await server?.stop();
  });

  test('with the fallback closed nobody passes while it is gone', async () => {
    const server = await startRedis();
    assert.ok(server !== null);
    const { counters, next } = await open(`redis://127.0.0.1:${server.port}`, 'closed');
    assert.equal(await allowed(counters, 'k'), true);
    const lost = next();
    await server.stop();
    await lost;
    await assert.rejects(allowed(counters, 'other'), { code: 'CORDON_COUNTERS_UNAVAILABLE' });
    counters.close();
  });

  test('one that is not there at the start is no reason to wait, and nobody passes for it', async () => {
    const server = await startRedis();
    assert.ok(server !== null);
    await server.stop();
    const url = `redis://127.0.0.1:${server.port}`;
    const [local, closed] = [await open(url), await open(url, 'closed')];
    assert.equal(await allowed(local.counters, 'k'), true);
    assert.equal(await allowed(local.counters, 'k'), false);
    await assert.rejects(allowed(closed.counters, 'k'), { code: 'CORDON_COUNTERS_UNAVAILABLE' });
    for (const { counters, changes } of [local, closed]) {
      assert.deepEqual(changes, [[false, 'ECONNREFUSED']]);
      counters.close();
    }
  });

  test('questions up to the bound wait for it, and one past it is answered from memory', async () => {
    const { counters } = await open(`redis://127.0.0.1:${port}`);
    const ask = () => counters.take([{ key: 'many', bucket: { ...SLOW, burst: 1_000_000 } }]);
    const waiting = Array.from({ length: LIMITS.countersWaitingMax.value }, ask);
    assert.ok(waiting.every((taken) => taken instanceof Promise));
    assert.ok(!(ask() instanceof Promise));
    await Promise.all(waiting);
    counters.close();
  });

  test('a server that hangs delays those who asked, and nobody after them', async () => {
    const sockets = new Set<Socket>();
    let hangs = false;
    const proxy = createServer((client) => {
      const upstream = connect(port, '127.0.0.1');
      sockets.add(client).add(upstream);
      for (const socket of [client, upstream]) socket.on('error', () => undefined);
      client.on('data', (bytes) => void (hangs || upstream.write(bytes)));
      upstream.on('data', (bytes) => void client.write(bytes));
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    const { port: proxied } = proxy.address() as AddressInfo;
    const { counters, changes, next } = await open(`redis://127.0.0.1:${proxied}`);
    assert.equal(await allowed(counters, 'hang'), true);
    hangs = true;
    const asked = counters.take([{ key: 'asked', bucket: SLOW }]);
    assert.ok(asked instanceof Promise);
    assert.equal((await asked)[0]?.allowed, true);
    assert.ok(!(counters.take([{ key: 'later', bucket: SLOW }]) instanceof Promise));
    assert.deepEqual(changes, [[false, 'timeout']]);
    const back = next();
    hangs = false;
    await back;
    assert.equal(await allowed(counters, 'hang'), false);
    counters.close();
    proxy.close();
    for (const socket of sockets) socket.destroy();
  });

  test('scripts that were flushed are sent again', async () => {
    const { counters, changes } = await open(`redis://127.0.0.1:${port}`);
    const client = new Redis(port, '127.0.0.1');
    await client.script('FLUSH');
    assert.equal(await allowed(counters, 'flushed'), true);
    assert.equal(await allowed(counters, 'flushed'), false);
    const keys = await client.keys('cordon:rate:*');
    for (const key of keys) assert.ok((await client.pttl(key)) > 0, 'every key ends');
    client.disconnect();
    assert.deepEqual(changes, []);
    counters.close();
  });

  test('a wrong password is told in one word, and the right one is let in', async () => {
    const server = await startRedis({ password: 'right-password' });
    assert.ok(server !== null);
    const wrong = await open(`redis://:wrong-password@127.0.0.1:${server.port}`);
    assert.deepEqual(
      wrong.changes.map(([up]) => up),
      [false],
    );
    assert.doesNotMatch(JSON.stringify(wrong.changes), /password/);
    wrong.counters.close();
    const right = await open(`redis://:right-password@127.0.0.1:${server.port}`, 'closed');
    assert.equal(await allowed(right.counters, 'k'), true);
    right.counters.close();
    await server.stop();
  });

  test('TLS is spoken with the authority that was given, and with no other', async () => {
    const tls = makeCertificate();
    const server = await startRedis({ tls });
    assert.ok(server !== null);
    const url = new Secret(`rediss://localhost:${server.port}`);
    const changed = (): void => undefined;
    const known = new ValkeyCounters({ url, ca: tls.certificate, fallback: 'closed', changed });
    await known.open();
    assert.equal(await allowed(known, 'k'), true);
    const unknown = new ValkeyCounters({ url, fallback: 'closed', changed });
    await unknown.open();
    await assert.rejects(allowed(unknown, 'k'), { code: 'CORDON_COUNTERS_UNAVAILABLE' });
    known.close();
    unknown.close();
    await server.stop();
  });
});

test('a URL without TLS to another machine is refused unless that is said to be unsafe', () => {
  const make = (url: string, unsafePlaintext: boolean): ValkeyCounters =>
    new ValkeyCounters({ url: new Secret(url), unsafePlaintext, changed: () => undefined });
  for (const url of [
    'redis://10.0.0.1:6379',
    'redis://:hunter2@valkey.internal',
    'http://127.0.0.1',
    'nonsense',
  ])
    assert.throws(
      () => make(url, false),
      (thrown: unknown) =>
        thrown instanceof CordonError &&
        thrown.code === 'CORDON_COUNTERS_INVALID' &&
        !thrown.message.includes('hunter2'),
    );
  for (const [url, unsafe] of [
    ['redis://10.0.0.1:6379', true],
    ['rediss://valkey.internal', false],
    ['redis://[::1]:6379', false],
  ] as const)
    make(url, unsafe).close();
});
