import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { LIMITS } from '../../contract/index.ts';
import { callFetchCapability, contextWith } from './fetch.fixture.ts';
import { FetchBench, MIB, SECRET, hash, listen, originOf } from './service.fixture.ts';

describe('the fetch capability under stress', () => {
  const bench = new FetchBench();
  const { capability, server, evidence, handles, grant, ask, seen } = bench;
  let origin = '';

  before(async () => {
    await bench.open();
    origin = bench.origin;
  });
  after(() => bench.close());

  describe('keeps secrets', () => {
    it('puts them into headers, queries and basic authentication', async () => {
      const headers = await seen('/see', { headers: ['x-key', 'mine'] }, [
        grant({ header: { 'x-key': 'k {secret:API_KEY}' } }),
      ]);
      assert.equal(headers.keyHash, hash(`k ${SECRET}`));
      const query = await seen('/see?a=1&key=mine&b=%20', {}, [
        grant({ query: { key: '{secret:API_KEY}' } }),
      ]);
      assert.equal(query.queryHash, hash(`/see?a=1&b=%20&key=${encodeURIComponent(SECRET)}`));
      const basic = await seen('/see', {}, [grant({ basic: { user: 'me', password: '{secret:API_KEY}' } })]);
      assert.equal(basic.authorizationHash, hash(`Basic ${Buffer.from(`me:${SECRET}`).toString('base64')}`));
    });

    it('takes them out of what comes back', async () => {
      const grants = [grant({ header: { 'x-key': '{secret:API_KEY}' } })];
      for (const path of ['/mirror', '/mirror?gzip', '/mirror?slow']) {
        const { body, answer: reply, error } = await ask(path, {}, grants);
        assert.equal(error, null);
        const all = body.toString() + JSON.stringify(reply);
        assert.equal(all.split('[redacted]').length - 1 >= 4, true, all);
        for (const form of [SECRET, JSON.stringify(SECRET).slice(1, -1), encodeURIComponent(SECRET)])
          assert.ok(!all.includes(form), `${path}: ${all}`);
      }
      const plain = await ask('/mirror', { headers: ['x-key', 'visible'] });
      assert.match(plain.body.toString(), /visible/, 'without a secret nothing is taken out');
    });

    it('takes them out of what another origin shows after a redirect that carried them on', async () => {
      const grants = [
        grant({ header: { 'x-key': '{secret:API_KEY}' } }),
        grant({ to: `${bench.foreign}/*` }),
      ];
      const { answer: reply, body, error } = await ask('/leak', {}, grants);
      assert.equal(error, null);
      const all = JSON.stringify(reply) + body.toString();
      for (const form of [SECRET, encodeURIComponent(SECRET)]) assert.ok(!all.includes(form), all);
      assert.equal(body.toString(), '[redacted]');
      assert.equal(reply?.url, `${bench.foreign}/mirror-query?[redacted]`);
      const plain = await ask('/leak', { headers: ['x-key', 'visible'] }, [grant(), grants[1] ?? grant()]);
      assert.equal(plain.body.toString(), 'visible', 'without a secret nothing is taken out');
    });

    it('takes one beyond ASCII out of a header that shows it', async () => {
      const grants = [grant({ header: { 'x-key': '{secret:ACCENTED_KEY}' } })];
      const { answer: reply, error } = await ask('/header', {}, grants);
      assert.equal(error, null);
      assert.ok(reply?.headers.includes('[redacted]'), JSON.stringify(reply));
      assert.ok(!JSON.stringify(reply).includes('secr'), JSON.stringify(reply));
    });

    it('turns handles into values only where the grant names the secret', async () => {
      const context = contextWith([]);
      const handle = handles.handleFor(context, 'API_KEY');
      const key = ['x-key', handle];
      const granted = [grant({ header: { 'x-unused': '{secret:API_KEY}' } })];
      assert.equal((await seen('/see', { headers: key }, granted)).keyHash, hash(SECRET));
      const basic = ['authorization', `Basic ${Buffer.from(`${handle}:`).toString('base64')}`];
      const expected = `Basic ${Buffer.from(`${SECRET}:`).toString('base64')}`;
      assert.equal((await seen('/see', { headers: basic }, granted)).authorizationHash, hash(expected));
      evidence.recorded.length = 0;
      assert.equal((await seen('/see', { headers: key })).headers['x-key'], handle);
      const body = {
        method: 'POST',
        chunks: [Buffer.from(`a ${handle.slice(0, 9)}`), Buffer.from(handle.slice(9))],
      } as const;
      assert.equal((await seen('/see', body, granted)).body, `a ${handle}`);
      assert.deepEqual(
        evidence.recorded.map(({ reason }) => reason),
        ['secret.destination', 'secret.destination'],
      );
      const stranger = handles.handleFor({ ...context, function: 'other' }, 'API_KEY');
      assert.equal(
        (await seen('/see', { headers: ['x-key', stranger] }, granted)).headers['x-key'],
        stranger,
      );
    });

    it('records a handle on its way to another host, however many denials came before', async () => {
      const context = contextWith([grant(), { to: 'http://127.0.0.1:1/*' }]);
      evidence.recorded.length = 0;
      for (let index = 0; index <= LIMITS.denialEventsPerInstanceMax.value; index += 1)
        await callFetchCapability(capability, context, 'http://127.0.0.1:1/');
      assert.deepEqual(
        evidence.recorded.map(({ reason }) => reason),
        Array.from({ length: LIMITS.denialEventsPerInstanceMax.value }, () => 'address'),
      );
      const headers = ['x-key', handles.handleFor(context, 'API_KEY')];
      await callFetchCapability(capability, context, `${origin}/see`, { headers });
      const last = evidence.recorded.at(-1);
      assert.deepEqual([last?.reason, last?.detail['host']], ['secret.destination', new URL(origin).host]);
    });

    it('says which one is missing', async () => {
      const { error } = await ask('/see', {}, [grant({ header: { 'x-key': '{secret:NOT_SET}' } })]);
      assert.equal(error?.code, 'CORDON_SECRET_MISSING');
    });

    it('signs with HMAC over the body', async () => {
      const hmac = {
        header: 'X-Signature',
        secret: 'API_KEY',
        algorithm: 'sha256',
        encoding: 'hex',
        prefix: 'sha256=',
      } as const;
      const { headers } = await seen(
        '/see',
        { method: 'POST', chunks: [Buffer.from('a'), Buffer.from('b')] },
        [grant({ sign: { hmac } })],
      );
      const { createHmac } = await import('node:crypto');
      assert.equal(
        headers['x-signature'],
        `sha256=${createHmac('sha256', SECRET).update('ab').digest('hex')}`,
      );
    });
  });

  describe('bounds what a service does', () => {
    it('unpacks what is compressed, and no bombs', async () => {
      assert.equal((await ask('/gzip?10')).body.byteLength, 10 * MIB);
      const { error, body } = await ask('/gzip?64');
      assert.equal(error?.code, 'CORDON_EGRESS_TOO_LARGE');
      assert.ok(body.byteLength <= 17 * MIB);
      const raw = await ask('/gzip?64', { decode: false });
      assert.equal(raw.error, null);
      assert.ok(raw.answer?.headers.includes('gzip'));
    });

    it('waits only so long', async () => {
      assert.equal((await ask('/hang')).error?.code, 'CORDON_EGRESS_TIMEOUT');
      assert.equal((await ask('/stall')).error?.code, 'CORDON_EGRESS_TIMEOUT');
    });

    it('notices answers that lie or break off', async () => {
      const cases: Readonly<Record<string, string>> = {
        'short body': 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this',
        'short large body': 'HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nonly this',
        'no HTTP': 'SSH-2.0-OpenSSH_9.9\r\n',
        'two lengths': 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello',
        'broken chunk': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
        'broken gzip': 'HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello',
        nothing: '',
      };
      for (const [name, bytes] of Object.entries(cases)) {
        const raw = await listen(
          createTcpServer((socket) =>
            socket.on('error', () => undefined).once('data', () => socket.end(bytes)),
          ),
        );
        const { error } = await ask(originOf(raw), {}, [grant({ to: originOf(raw) })]);
        raw.close();
        assert.equal(error?.code, 'CORDON_EGRESS_FAILED', name);
      }
      const flood = `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`;
      const raw = await listen(
        createTcpServer((socket) =>
          socket.on('error', () => undefined).once('data', () => socket.end(flood)),
        ),
      );
      const { error } = await ask(originOf(raw), {}, [grant({ to: originOf(raw) })]);
      raw.close();
      assert.equal(error?.code, 'CORDON_EGRESS_TOO_LARGE');
    });

    it('takes 100 requests of one instance at a time', async () => {
      const context = contextWith([grant()]);
      const outcomes = await Promise.all(
        Array.from({ length: 101 }, () => callFetchCapability(capability, context, `${origin}/wait`)),
      );
      const refused = outcomes.filter(({ error }) => error?.code === 'CORDON_EGRESS_TOO_MANY');
      assert.equal(refused.length, 1);
      assert.equal((await callFetchCapability(capability, context, `${origin}/see`)).error, null);
    });
  });

  it('streams both ways with credit for what has gone', async () => {
    const chunks = Array.from({ length: 40 }, (_, index) => Buffer.alloc(50_000, index));
    const { body, credited } = await ask('/pipe', { method: 'POST', chunks, slow: true });
    assert.ok(body.equals(Buffer.concat(chunks)));
    assert.equal(credited, body.byteLength);
  });

  it('lets go of a request that the guest gives up', async () => {
    const closed = new Promise((resolve) =>
      server.once('request', (request: IncomingMessage) => request.once('close', resolve)),
    );
    void ask('/hang', { onHandler: (handler) => server.once('request', () => handler.cancel()) });
    await closed;
  });
});
