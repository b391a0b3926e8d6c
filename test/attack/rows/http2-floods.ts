import { LIMITS } from '../../../src/contract/index.ts';
import {
  fieldBlock,
  FLAG,
  frame,
  FRAME,
  FrameClient,
  get,
  uint32,
} from '../../../src/gateway/http/frame-client.fixture.ts';
import type { Verdict } from '../row.ts';
import { Secure } from '../secure.ts';
import type { Stage } from '../stage.ts';
import { post, type Fields } from './http2-smuggling.ts';

const FLOOD_MS = 20_000;
/** Past the pause inside of a body (20 s), with room for the check of it. */
const IDLE_MS = 26_000;
const RESETS_MAX = LIMITS.http2ResetsMax.value;
const P99_MS_MAX = 1000;
const GROWTH_BYTES_MAX = 128 * 1024 * 1024;

/** What one round of a flood sends; it goes on until the server ends it. */
type Flood = (round: number) => Uint8Array;

/** Frames of one round. */
const MANY = 200;
/** Streams of one round, fewer than may be open at once. */
const OPEN = 50;
const PATH = '/victim/open/reset';

function many(bytesOf: (index: number) => Uint8Array, count = MANY): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => bytesOf(index)));
}

/** Begins a stream in the first round, and sends the same in each. */
function upon(start: Uint8Array, bytes: Uint8Array): Flood {
  const repeated = many(() => bytes);
  return (round) => (round === 0 ? Buffer.concat([start, repeated]) : repeated);
}

function request(stream: number): Buffer {
  return frame(FRAME.headers, FLAG.endStream | FLAG.endHeaders, stream, fieldBlock(get(PATH)));
}

const NOTHING = Buffer.alloc(0);
const UNFINISHED = frame(FRAME.headers, FLAG.endStream, 1, fieldBlock(get(PATH)));

const FLOODS: Readonly<Record<string, Flood>> = {
  'resets at once': (round) =>
    many((index) => {
      const stream = (round * MANY + index) * 2 + 1;
      return Buffer.concat([request(stream), frame(FRAME.reset, 0, stream, uint32(8))]);
    }),
  // The function has been called by then.
  'resets a little later': (round) =>
    many((index) => {
      const stream = ((round >> 1) * OPEN + index) * 2 + 1;
      return round % 2 === 0 ? request(stream) : frame(FRAME.reset, 0, stream, uint32(8));
    }, OPEN),
  // An increment of zero is an error of the stream (RFC 9113 section 6.9).
  'resets by the server': (round) =>
    many((index) => {
      const stream = (round * MANY + index) * 2 + 1;
      return Buffer.concat([request(stream), frame(FRAME.window, 0, stream, uint32(0))]);
    }),
  CONTINUATION: upon(UNFINISHED, frame(FRAME.continuation, 0, 1, fieldBlock([['x', 'y']]))),
  'empty CONTINUATION': upon(UNFINISHED, frame(FRAME.continuation, 0, 1, NOTHING)),
  PING: upon(NOTHING, frame(FRAME.ping, 0, 0, Buffer.alloc(8))),
  SETTINGS: upon(NOTHING, frame(FRAME.settings, 0, 0, NOTHING)),
  'empty DATA': upon(
    frame(FRAME.headers, FLAG.endHeaders, 1, fieldBlock(post(PATH))),
    frame(FRAME.data, 0, 1, NOTHING),
  ),
  'unknown frames': upon(NOTHING, frame(0x42, 0, 0, NOTHING)),
};

/** Milliseconds until the server ended the session; null where it did not. */
async function endOf(client: FrameClient, patienceMs: number): Promise<number | null> {
  const start = performance.now();
  const state = { patient: true };
  const patience = setTimeout(() => {
    state.patient = false;
    client.destroy();
  }, patienceMs);
  await client.goneWith();
  clearTimeout(patience);
  return state.patient ? performance.now() - start : null;
}

async function flood(secure: Secure, verdict: Verdict, name: string, bytesOf: Flood): Promise<void> {
  const client = await FrameClient.open(secure.port);
  let round = 0;
  const sending = setInterval(() => client.sendBytes(bytesOf(round++)), 10);
  const ms = await endOf(client, FLOOD_MS);
  clearInterval(sending);
  verdict.expect(ms !== null, `a flood of ${name} goes on`);
}

/** Sessions and streams on which nothing happens any more. */
async function idle(secure: Secure, verdict: Verdict): Promise<void> {
  const head = (fields: Fields, flags: number): Uint8Array =>
    frame(FRAME.headers, flags, 1, fieldBlock(fields));
  const starts: Readonly<Record<string, Uint8Array>> = {
    'an idle session': Buffer.alloc(0),
    'headers that do not end': head(get('/victim/open/idle'), FLAG.endStream),
    'a body that never comes': head(post('/victim/open/idle'), FLAG.endHeaders),
    'a body that stops': Buffer.concat([
      head(post('/victim/open/idle', ['content-length', '100']), FLAG.endHeaders),
      frame(FRAME.data, 0, 1, Buffer.from('x')),
    ]),
  };
  const clients = await Promise.all(
    Object.entries(starts).flatMap(([name, bytes]) =>
      Array.from({ length: 5 }, async () => {
        const client = await FrameClient.open(secure.port);
        client.sendBytes(bytes);
        return { name, client };
      }),
    ),
  );
  await Promise.all(
    clients.map(async ({ name, client }) => {
      // A stream is ended by its answer or a reset, and the session goes on for as long as an idle one may.
      const stream = client.until(
        ({ type, stream: id }) => id === 1 && (type === FRAME.reset || type === FRAME.headers),
      );
      const patience = setTimeout(() => client.destroy(), IDLE_MS);
      const start = performance.now();
      await stream.catch(() => undefined);
      clearTimeout(patience);
      const ms = performance.now() - start;
      verdict.expect(ms < IDLE_MS - 100, `${name} goes on`);
      client.destroy();
    }),
  );
}

/** Floods and idle streams of HTTP/2, while another caller is served. */
export async function floodHttp2(stage: Stage, verdict: Verdict): Promise<void> {
  const secure = await Secure.of(stage);
  const memory = secure.stage.serverMemoryBytes();
  const known = await secure.stage.victimHits();
  const before = await secure.stage.lastEvent();
  let peak = 0;
  let resets = 0;
  const sampling = setInterval(() => (peak = Math.max(peak, secure.stage.serverMemoryBytes() - memory)), 100);
  const watch = await secure.stage
    .watch(async () => {
      const idling = idle(secure, verdict);
      await Promise.all(
        Object.entries(FLOODS).map(([name, bytesOf]) => flood(secure, verdict, name, bytesOf)),
      );
      // Before its instance is retired, as nobody calls it any more.
      const { born, hits } = await secure.stage.victimHits();
      verdict.unharmed(born === known.born, 'the function lost its instance');
      resets = hits.slice(known.hits.length).filter((hit) => hit.endsWith('/reset')).length;
      await idling;
    })
    .finally(() => clearInterval(sampling));
  verdict.unharmed(watch.failed === 0, `${watch.failed} of ${watch.calls} calls by TLS failed`);
  verdict.unharmed(watch.p99Ms < P99_MS_MAX, `the p99 by TLS was ${watch.p99Ms} ms`);
  verdict.unharmed(peak < GROWTH_BYTES_MAX, `the server of TLS grew by ${Math.round(peak / 2 ** 20)} MiB`);
  verdict.unharmed(resets <= 3 * RESETS_MAX, `${resets} streams that were reset reached the function`);
  const events = await secure.stage.events(before);
  verdict.expect(
    events.some(({ kind, detail }) => kind === 'limit.exceeded' && /reset/.test(String(detail['rule']))),
    'no event for streams that are reset',
  );
  for (const problem of await secure.stage.damage()) verdict.harmed(problem);
  verdict.note(
    `HTTP/2: p99 ${watch.p99Ms} ms, at most +${Math.round(peak / 2 ** 20)} MiB, ${resets} invocations`,
  );
}
