import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FetchGrant } from '../../manifest/index.ts';
import { callFetchCapability, contextWith } from './fetch.fixture.ts';
import { FetchBench, pick } from './service.fixture.ts';

describe('the fetch capability', () => {
  const bench = new FetchBench();
  const { capability, evidence, names, grant, ask, seen } = bench;
  let origin = '';
  let foreign = '';

  before(async () => {
    await bench.open();
    ({ origin, foreign } = bench);
  });
  after(() => bench.close());

  describe('judges destinations', () => {
    it('answers what is granted, and nothing else', async () => {
      assert.equal((await ask('/see')).answer?.status, 200);
      assert.equal((await ask('/see', {}, [grant({ to: `${origin}/v1/*` })])).denied, 'fetch.destination');
      assert.equal((await ask('/see', { method: 'DELETE' })).denied, 'fetch.method');
      assert.equal((await ask(foreign)).denied, 'fetch.destination');
    });

    it('refuses arguments that are no request', async () => {
      for (const wrong of [
        { url: 'file:///etc/passwd' },
        { url: 'http://user:pass@127.0.0.1/' },
        { method: 'CONNECT' as 'GET' },
        { headers: ['a'] },
        { headers: ['a b', 'c'] },
        { headers: ['a', 'b\r\nx: y'] },
        { headers: ['a', 'x'.repeat(40_000)] },
      ])
        assert.equal(
          (await ask('/see', wrong)).denied,
          'fetch.arguments',
          JSON.stringify(wrong).slice(0, 80),
        );
    });

    it('refuses private addresses, in every spelling, without unsafePrivate', async () => {
      const port = new URL(origin).port;
      for (const host of [
        '127.0.0.1',
        '2130706433',
        '0x7f.1',
        '0177.1',
        '127.1',
        '[::1]',
        '[::ffff:127.0.0.1]',
        '169.254.169.254',
        '０x7f.1',
      ]) {
        const url = `http://${host}:${port}/see`;
        const { error } = await ask(url, {}, [{ to: url }]);
        assert.equal(error?.code, 'CORDON_EGRESS_DENIED', host);
        assert.equal(error?.details['rule'], 'address');
      }
      assert.equal(evidence.recorded.at(-1)?.reason, 'address');
      assert.equal((await ask('/see')).error, null);
    });

    it('refuses a name when any of its addresses is not allowed', async () => {
      names.set('mixed.test', ['93.184.216.34', '10.0.0.1']);
      names.set('mapped.test', ['::ffff:127.0.0.1']);
      names.set('zone.test', ['fe80::1%eth0']);
      for (const name of ['mixed.test', 'mapped.test', 'zone.test']) {
        const { error } = await ask(`http://${name}/`, {}, [{ to: `http://${name}/*` }]);
        assert.equal(error?.code, 'CORDON_EGRESS_DENIED', name);
      }
      names.set('metadata.test', ['169.254.169.254']);
      const { error } = await ask('http://metadata.test/', {}, [
        { to: 'http://metadata.test/*', unsafePrivate: true },
      ]);
      assert.equal(error?.details['range'], 'metadata');
    });

    it('connects to the addresses that were judged, though the name changes its mind', async () => {
      const port = new URL(origin).port;
      const to = `http://rebind.test:${port}/*`;
      names.set('rebind.test', ['127.0.0.1']);
      bench.lookups = 0;
      const context = contextWith([grant({ to })]);
      const first = await callFetchCapability(capability, context, `http://rebind.test:${port}/see`);
      assert.equal(first.answer?.status, 200);
      assert.equal(bench.lookups, 1, 'looked up once for one connection');
      await nextTurn();
      names.set('rebind.test', ['169.254.169.254']);
      const second = await callFetchCapability(capability, context, `http://rebind.test:${port}/see`);
      assert.equal(second.answer?.status, 200, 'the connection that stands is to the judged address');
      assert.equal(bench.lookups, 1);
      const third = await ask(`http://rebind.test:${port}/see`, {}, [grant({ to })]);
      assert.equal(third.error?.code, 'CORDON_EGRESS_DENIED');
    });

    it('says when a name has no address', async () => {
      const { error } = await ask('http://nowhere.test/', {}, [{ to: 'http://nowhere.test/*' }]);
      assert.equal(error?.code, 'CORDON_EGRESS_FAILED');
    });
  });

  describe('follows redirects', () => {
    const both = (): FetchGrant[] => [grant(), grant({ to: `${foreign}/*` })];

    it('within grants, and tells where it ended', async () => {
      const { answer: reply } = await ask('/to?/see');
      assert.deepEqual([reply?.status, reply?.redirected, reply?.url], [200, true, `${origin}/see`]);
    });

    it('but not past them', async () => {
      const { error } = await ask('/away');
      assert.equal(error?.code, 'CORDON_EGRESS_DENIED');
      assert.equal(error?.details['rule'], 'redirect');
      assert.equal((await ask('/away', {}, both())).answer?.status, 200);
    });

    it('but not to addresses that are closed', async () => {
      const grants = [grant(), grant({ to: 'http://169.254.169.254/*' })];
      assert.equal(
        (await ask('/to?http://169.254.169.254/latest', {}, grants)).error?.details['range'],
        'metadata',
      );
    });

    it('as the guest asks', async () => {
      assert.equal((await ask('/to?/see', { redirect: 'manual' })).answer?.status, 302);
      assert.equal((await ask('/to?/see', { redirect: 'error' })).error?.code, 'CORDON_EGRESS_FAILED');
    });

    it('up to 20 times', async () => {
      assert.equal((await ask('/count?20')).answer?.status, 200);
      assert.equal((await ask('/count?21')).error?.code, 'CORDON_EGRESS_FAILED');
      assert.equal((await ask('/endless')).error?.code, 'CORDON_EGRESS_FAILED');
    });

    it('without credentials on another origin', async () => {
      const headers = ['authorization', 'Bearer mine', 'cookie', 'a=b', 'x-other', 'kept'];
      const secretly = { header: { 'x-key': '{secret:API_KEY}' } };
      const away = await seen('/away', { headers }, [
        grant(secretly),
        grant({ to: `${foreign}/*`, ...secretly }),
      ]);
      assert.deepEqual(
        [
          away.headers['authorization'],
          away.headers['cookie'],
          away.headers['x-key'],
          away.headers['x-other'],
        ],
        [undefined, undefined, undefined, 'kept'],
      );
      const same = await seen('/to?/see', { headers });
      assert.equal(same.headers['authorization'], 'Bearer mine');
    });

    it('with the method and body that Fetch says', async () => {
      const post = { method: 'POST', chunks: [Buffer.from('body')] } as const;
      assert.deepEqual(pick(await seen('/to?/see', post)), ['GET', '']);
      assert.deepEqual(pick(await seen('/status?303', post)), ['GET', '']);
      assert.deepEqual(pick(await seen('/status?307', post)), ['POST', 'body']);
      const large = {
        method: 'POST',
        chunks: Array.from({ length: 5 }, () => Buffer.alloc(65_536)),
      } as const;
      assert.equal((await ask('/status?308', large)).error?.code, 'CORDON_EGRESS_TOO_LARGE');
    });
  });
});
