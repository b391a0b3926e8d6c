import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openGuest } from './guest.fixture.ts';
import type { Guest } from './guest.fixture.ts';
import { startPostgres, startRedis } from './servers.fixture.ts';
import type { RunningServer } from './servers.fixture.ts';

const CODE = `
import pg from 'pg';
import Redis from 'iovalkey';
import net from 'node:net';

const cases = {
  async query(port) {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'tester', database: 'postgres' });
    await client.connect();
    await client.query('create temp table t (id int primary key, name text)');
    await client.query('insert into t select i, repeat($1, 100) from generate_series(1, 5000) i', ['x']);
    const { rows } = await client.query('select count(*)::int as n, sum(length(name))::int as bytes from t');
    const all = await client.query('select * from t');
    await client.end();
    return { ...rows[0], all: all.rows.length };
  },
  async tls(port) {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'tester', database: 'postgres', ssl: { rejectUnauthorized: false } });
    await client.connect();
    const { rows } = await client.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
    await client.end();
    return rows[0].ssl;
  },
  async badCertificate(port) {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'tester', database: 'postgres', ssl: { rejectUnauthorized: true } });
    try { await client.connect(); return 'connected'; } catch (e) { return e.code ?? e.message; }
  },
  async pool(port) {
    const pool = new pg.Pool({ host: '127.0.0.1', port, user: 'tester', database: 'postgres', max: 4 });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => pool.query('select $1::int as i', [i])));
    await pool.end();
    return answers.map(({ rows }) => rows[0].i).reduce((a, b) => a + b);
  },
  async redis(port) {
    const redis = new Redis(port, '127.0.0.1');
    await redis.set('key', 'v'.repeat(300_000));
    const value = await redis.get('key');
    const many = await redis.pipeline().incr('n').incr('n').incr('n').exec();
    await redis.quit();
    return [value.length, many.map(([, n]) => n)];
  },
  async subscribe(port) {
    const listener = new Redis(port, '127.0.0.1'); const sender = new Redis(port, '127.0.0.1');
    await listener.subscribe('news');
    const heard = new Promise((resolve) => listener.on('message', (_, text) => resolve(text)));
    await sender.publish('news', 'extra');
    const text = await heard; listener.disconnect(); sender.disconnect();
    return text;
  },
  async deno(port) {
    const connection = await Deno.connect({ hostname: '127.0.0.1', port });
    await connection.write(new TextEncoder().encode('PING\\r\\n'));
    const buffer = new Uint8Array(64);
    const n = await connection.read(buffer);
    connection.close();
    return new TextDecoder().decode(buffer.subarray(0, n)).trim();
  },
  async ungranted() {
    return new Promise((resolve) => net.connect(9, '127.0.0.1').on('error', (e) => resolve([e.code, e.message])));
  },
  async refused(port) { return new Promise((resolve) => net.connect({ port, host: '127.0.0.1' }).on('error', (e) => resolve(e.code))); },
};
export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    try { return Response.json(await cases[pathname.slice(1)](Number(searchParams.get('port')))); }
    catch (e) { return new Response(e.stack + ' ' + e.code, { status: 500 }); }
  },
};`;

describe('TCP clients in a sandbox', () => {
  let guest: Guest;
  let postgres: RunningServer | null;
  let redis: RunningServer | null;

  before(async () => {
    [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    const ports = [postgres?.port, redis?.port, 1].filter((port) => port !== undefined);
    guest = await openGuest({
      code: CODE,
      grants: { connect: ports.map((port) => ({ to: `127.0.0.1:${port}`, unsafePrivate: true })) },
    });
  });
  after(async () => {
    await guest.close();
    await Promise.all([postgres?.stop(), redis?.stop()]);
  });

  async function answerOf(name: string, port: number): Promise<unknown> {
    const answer = await guest.ask(`/${name}?port=${port}`);
    assert.equal(answer.status, 200, answer.text);
    return JSON.parse(answer.text);
  }

  const withPostgres: Readonly<Record<string, unknown>> = {
    query: { n: 5000, bytes: 500_000, all: 5000 },
    tls: true,
    badCertificate: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    pool: 190,
  };
  for (const [name, expected] of Object.entries(withPostgres)) {
    it(`runs pg unchanged: ${name}`, async (test) => {
      if (postgres === null) return test.skip('PostgreSQL is not installed');
      assert.deepEqual(await answerOf(name, postgres.port), expected);
    });
  }

  const withRedis: Readonly<Record<string, unknown>> = {
    redis: [300_000, [1, 2, 3]],
    subscribe: 'extra',
    deno: '+PONG',
  };
  for (const [name, expected] of Object.entries(withRedis)) {
    it(`runs iovalkey unchanged: ${name}`, async (test) => {
      if (redis === null) return test.skip('neither Valkey nor Redis is installed');
      assert.deepEqual(await answerOf(name, redis.port), expected);
    });
  }

  it('refuses what is not granted, with the grant that would allow it', async () => {
    const [code, message] = (await answerOf('ungranted', 0)) as [string, string];
    assert.equal(code, 'CORDON_GRANT_MISSING');
    assert.match(message, /grants\.connect: \[\{"to":"127\.0\.0\.1:9"\}\]/);
    assert.equal(guest.events.at(-1)?.reason, 'connect.destination');
  });

  it('says when nobody listens', async () => {
    assert.equal(await answerOf('refused', 1), 'CORDON_EGRESS_FAILED');
  });
});
