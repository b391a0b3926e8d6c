import { connect } from 'node:net';
import { connect as connectSecure } from 'node:tls';
import {
  fieldBlock,
  FLAG,
  FRAME,
  FrameClient,
  get,
  replaced,
  statusOf,
} from '../../../src/gateway/http/frame-client.fixture.ts';
import type { Verdict } from '../row.ts';
import { Secure } from '../secure.ts';
import type { Stage } from '../stage.ts';

const HIDDEN = 'GET /victim/open/smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
const ANSWER_MS = 3000;

export type Fields = (readonly [string, string])[];

/** The fields of a POST of a path, with more behind them. */
export function post(path: string, ...more: Fields): Fields {
  const fields = get(path).map(([name, value]) => [name, name === ':method' ? 'POST' : value] as const);
  return [...fields, ...more];
}

const PATH = '/victim/open/framing';

/** Heads that mean something else once they are written as HTTP/1.1, each with what follows as its body. */
const HEADS: Readonly<Record<string, Fields>> = {
  'Transfer-Encoding': post(PATH, ['transfer-encoding', 'chunked']),
  'Transfer-Encoding in capitals': post(PATH, ['Transfer-Encoding', 'chunked']),
  'a length of 0 before a body': post(PATH, ['content-length', '0']),
  'a length past the body': post(PATH, ['content-length', '10000']),
  'two lengths': post(PATH, ['content-length', '0'], ['content-length', String(HIDDEN.length)]),
  'a length in a list': post(PATH, ['content-length', `${HIDDEN.length}, 0`]),
  'a length with a sign': post(PATH, ['content-length', `+${HIDDEN.length}`]),
  'a length with an underscore': post(PATH, ['content_length', '0'], ['content-length', '1']),
  'a line end in :path': post(`${PATH} HTTP/1.1\r\nHost: a\r\n\r\n${HIDDEN}`),
  'a space in :path': post(`${PATH} x`),
  'a whole request in :path': post(`/victim/admin/x HTTP/1.1\r\nX: y`),
  'a line end in :method': replaced(':method', `GET /victim/open/smuggled HTTP/1.1\r\nHost: a\r\n\r\nGET`),
  'a line end in :authority': replaced(':authority', `a\r\nx: y`),
  'another Host': post(PATH, ['host', 'other.example']),
  'a path twice': [[':path', '/victim/open/smuggled'], ...post(PATH)],
  'a path behind the fields': [...post(PATH), [':path', '/victim/open/smuggled']],
  Connection: post(PATH, ['connection', 'transfer-encoding']),
  Upgrade: post(PATH, ['upgrade', 'h2c'], ['http2-settings', 'AAMAAABkAAQAAP__']),
  'extended CONNECT': [[':protocol', 'websocket'], ...replaced(':method', 'CONNECT')],
};

/** Fields that no HTTP/1.1 can say. The parser may take the rest of the request, as if they had not been sent. */
const FIELDS: Readonly<Record<string, Fields[number]>> = {
  'a line end in a value': ['x-a', `b\r\nx-a: hidden\r\n\r\n${HIDDEN}`],
  'a line feed in a value': ['x-a', `b\nx-a: hidden\n\n${HIDDEN}`],
  'a carriage return in a value': ['x-a', 'b\rx-a: hidden'],
  'a NUL in a value': ['x-a', 'b\0hidden'],
  'a line end in a name': ['x-a: b\r\nx-a', 'hidden'],
  'a colon in a name': ['x-a:b', 'hidden'],
  'a space in a name': ['x-a ', 'hidden'],
  'an empty name': ['', 'hidden'],
};

/** Messages of HTTP/1.1 that ask for HTTP/2 where that cannot be. */
const UPGRADES: Readonly<Record<string, string>> = {
  'an upgrade to h2c': `GET ${PATH} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
  'the preface of HTTP/2': `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${HIDDEN}`,
};

/** Request smuggling by way of HTTP/2: what cannot be said in it must not become something in HTTP/1.1. */
export async function smuggleHttp2(stage: Stage, verdict: Verdict): Promise<void> {
  const secure = await Secure.of(stage);
  for (const [name, fields] of Object.entries(HEADS)) {
    const before = await secure.stage.victimHits();
    const client = await FrameClient.open(secure.port);
    client.send(FRAME.headers, FLAG.endHeaders, 1, fieldBlock(fields));
    client.send(FRAME.data, FLAG.endStream, 1, Buffer.from(HIDDEN));
    const status = await refusalOf(client);
    verdict.expect(status !== 200 && status !== null, `${name} by HTTP/2: ${status}`);
    client.destroy();
    await expectNothingHidden(secure, verdict, `${name} by HTTP/2`, before.hits.length);
  }
  for (const [name, field] of Object.entries(FIELDS)) {
    const before = await secure.victimHits();
    const client = await FrameClient.open(secure.port);
    client.request(1, get('/gated/open/x', ['x-b', 'seen'], field));
    const status = await refusalOf(client);
    const told = status === 200 ? await textOf(client) : '';
    verdict.unharmed(!/hidden|x-a/.test(told), `${name} by HTTP/2: the function is given ${told}`);
    verdict.expect(
      status !== null && (status !== 200 || told.includes('seen')),
      `${name} by HTTP/2: ${status}`,
    );
    client.destroy();
    const reached = (await secure.victimHits()).hits.slice(before.hits.length);
    verdict.unharmed(
      reached.length <= 1 && reached.every((hit) => hit === 'GET /gated/open/x'),
      `${name} by HTTP/2: ${reached.join(', ')}`,
    );
  }
  for (const [name, text] of Object.entries(UPGRADES)) {
    const before = await secure.stage.victimHits();
    const answer = await rawSecure(secure, text);
    verdict.expect(!/HTTP\/1\.1 101/.test(answer), `${name}: ${answer.slice(0, 40)}`);
    await expectNothingHidden(secure, verdict, name, before.hits.length);
  }
  const plain = await rawPlain(secure, `GET ${PATH} HTTP/1.1\r\nHost: a\r\n\r\n`);
  verdict.expect(!plain.includes('HTTP/1.1 200'), 'the port of TLS serves what is not encrypted');
  verdict.unharmed(!/\bat |\/src\/|node:|SSL/.test(plain), `the port of TLS tells ${plain}`);
  verdict.note(`${Object.keys(HEADS).length + Object.keys(FIELDS).length} heads of HTTP/2`);
}

async function expectNothingHidden(
  secure: Secure,
  verdict: Verdict,
  name: string,
  known: number,
): Promise<void> {
  const reached = (await secure.stage.victimHits()).hits.slice(known);
  verdict.unharmed(reached.length <= 1, `${name}: ${reached.length} requests reached the function`);
  verdict.unharmed(
    !reached.some((hit) => hit.includes('smuggled')),
    `${name}: the hidden request was served`,
  );
}

/** Status of the answer, 0 for a reset, and null where nothing came. */
async function refusalOf(client: FrameClient): Promise<number | null> {
  const state = { silent: false };
  const patience = setTimeout(() => {
    state.silent = true;
    client.destroy();
  }, ANSWER_MS);
  try {
    const { type } = await client.until(
      (got) =>
        got.type === FRAME.goaway ||
        (got.stream === 1 && [FRAME.reset, FRAME.headers].some((own) => own === got.type)),
    );
    return type === FRAME.headers ? await statusOf(client, 1) : 0;
  } catch {
    return state.silent ? null : 0;
  } finally {
    clearTimeout(patience);
  }
}

/** The body of the answer. */
async function textOf(client: FrameClient): Promise<string> {
  await client.until(({ type, flags }) => type === FRAME.data && (flags & FLAG.endStream) !== 0);
  const pieces = client.frames.filter(({ type }) => type === FRAME.data);
  return Buffer.concat(pieces.map(({ payload }) => payload)).toString();
}

/** What comes back within a while for bytes that are sent as they are. */
function read(socket: ReturnType<typeof connect>, bytes: string): Promise<string> {
  let text = '';
  return new Promise((resolve) => {
    const patience = setTimeout(() => socket.destroy(), ANSWER_MS / 3);
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(patience);
      resolve(text);
    });
    socket.write(bytes, 'latin1');
  });
}

function rawSecure({ port }: Secure, bytes: string): Promise<string> {
  return read(connectSecure({ port, host: '127.0.0.1', ALPNProtocols: ['http/1.1'] }), bytes);
}

function rawPlain({ port }: Secure, bytes: string): Promise<string> {
  return read(connect({ port, host: '127.0.0.1' }), bytes);
}
