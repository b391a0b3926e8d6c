import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { FetchGrant } from '../../manifest/index.ts';
import { SecretHandles } from '../secret/index.ts';
import { callFetchCapability, contextWith, recordingEvidence } from './fetch.fixture.ts';
import type { CallOptions, Outcome } from './fetch.fixture.ts';
import { createFetchCapability } from './index.ts';

const SECRET = 'sk-live/4242+"quoted"';
const MIB = 1024 * 1024;

describe('the fetch capability', () => {
  const evidence = recordingEvidence();
  const handles = new SecretHandles();
  const names = new Map<string, readonly string[]>();
  let asked = 0;
  const capability = createFetchCapability({
    secrets: { get: (_, name) => Promise.resolve(name === 'API_KEY' ? SECRET : null) },
    evidence,
    handles,
    resolver: {
      resolve(name) {
        asked += 1;
        const addresses = names.get(name);
        return addresses === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(addresses);
      },
    },
    timeouts: { connectMs: 500, headersMs: 300, idleMs: 300 },
  });
  let server: Server;
  let other: Server;
  let origin: string;
  let foreign: string;

  before(async () => {
    other = await listen(createServer((request, response) => answer(request, response, '')));
    foreign = originOf(other);
    server = await listen(createServer((request, response) => answer(request, response, foreign)));
    origin = originOf(server);
  });
  after(async () => {
    await capability.close();
    server.close();
    other.close();
  });

  function grant(more: Partial<FetchGrant> = {}): FetchGrant {
    return { to: `${origin}/*`, methods: ['GET', 'POST', 'PUT', 'HEAD'], unsafePrivate: true, ...more };
  }
  function ask(path: string, options: CallOptions = {}, grants = [grant()]): Promise<Outcome> {
    const url = path.startsWith('http') ? path : origin + path;
    return callFetchCapability(capability, contextWith(grants), url, options);
  }
  async function seen(path: string, options: CallOptions = {}, grants = [grant()]): Promise<Seen> {
    const outcome = await ask(path, options, grants);
    assert.ifError(outcome.error);
    return JSON.parse(outcome.body.toString()) as Seen;
  }

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
      asked = 0;
      const context = contextWith([grant({ to })]);
      const first = await callFetchCapability(capability, context, `http://rebind.test:${port}/see`);
      assert.equal(first.answer?.status, 200);
      assert.equal(asked, 1, 'looked up once for one connection');
      await nextTurn();
      names.set('rebind.test', ['169.254.169.254']);
      const second = await callFetchCapability(capability, context, `http://rebind.test:${port}/see`);
      assert.equal(second.answer?.status, 200, 'the connection that stands is to the judged address');
      assert.equal(asked, 1);
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

interface Seen {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  readonly keyHash: string;
  readonly queryHash: string;
  readonly authorizationHash: string;
}

function pick({ method, body }: Seen): [string, string] {
  return [method, body];
}

/** Tells whether a secret arrived, in a form that is not taken out on the way back. */
function hash(text: string): string {
  let sum = 0;
  for (const character of text) sum = (sum * 31 + character.charCodeAt(0)) % 1_000_000_007;
  return `h${sum}`;
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function listen<T extends Server>(server: T): Promise<T> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return server;
}

function answer(request: IncomingMessage, response: ServerResponse, foreign: string): void {
  const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s);
  const key = String(request.headers['x-key'] ?? '');
  const redirect = (status: number, location: string): void =>
    void response.writeHead(status, { location }).end('moved');
  switch (path) {
    case '/to':
      return redirect(302, query);
    case '/away':
      return redirect(307, `${foreign}/see`);
    case '/status':
      return redirect(Number(query), '/see');
    case '/endless':
      return redirect(302, '/endless');
    case '/count':
      return redirect(302, query === '1' ? '/see' : `/count?${Number(query) - 1}`);
    case '/hang':
      return;
    case '/stall':
      response.writeHead(200).write('some');
      return;
    case '/wait':
      setTimeout(() => response.end('ok'), 100);
      return;
    case '/pipe':
      request.pipe(response);
      return;
    case '/gzip':
      response
        .writeHead(200, { 'content-encoding': 'gzip' })
        .end(gzipSync(Buffer.alloc(Number(query) * MIB)));
      return;
    case '/mirror':
      return mirror(query, key, response);
    default: {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () =>
        response.end(
          JSON.stringify({
            method: request.method,
            headers: request.headers,
            body: Buffer.concat(pieces).toString(),
            keyHash: hash(key),
            queryHash: hash(request.url ?? ''),
            authorizationHash: hash(request.headers.authorization ?? ''),
          }),
        ),
      );
    }
  }
}

/** Gives the key back in all ways, split where it hurts. */
function mirror(how: string, key: string, response: ServerResponse): void {
  response.setHeader('x-echo', key.replaceAll('"', "'") === key ? key : encodeURIComponent(key));
  const text = `plain ${key} json ${JSON.stringify(key)} url ${encodeURIComponent(key)} base64 ${Buffer.from(`u:${key}`).toString('base64')} end`;
  if (how === 'gzip') {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(text));
    return;
  }
  if (how !== 'slow') {
    response.end(text);
    return;
  }
  let at = 0;
  const next = (): void => {
    if (at >= text.length) response.end();
    else {
      response.write(text.slice(at, at + 7));
      at += 7;
      setImmediate(next);
    }
  };
  next();
}
