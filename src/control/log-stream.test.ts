import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { after, afterEach, before, test } from 'node:test';
import { LIMITS } from '../contract/index.ts';
import { lineOf, startControl, type Harness } from './control.fixture.ts';

let control: Harness;

before(async () => {
  control = await startControl({ heartbeatMs: 20 });
});

afterEach(() => {
  control.evidence.lines.length = 0;
});

after(() => control.close());

interface Stream {
  /** Text until `part` has come. */
  until(part: string): Promise<string>;
  close(): void;
}

async function open(query: string, headers: Record<string, string> = {}): Promise<Stream> {
  const leaving = new AbortController();
  const response = await fetch(`${control.url}/v1/logs/stream${query}`, {
    headers: { authorization: `Bearer ${control.token}`, ...headers },
    signal: leaving.signal,
  });
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  assert.ok(response.body !== null);
  const reader = response.body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  let seen = '';
  return {
    async until(part) {
      while (!seen.includes(part))
        seen += (await reader.read()).value ?? assert.fail(`ended without ${part}`);
      return seen;
    },
    close: () => leaving.abort(),
  };
}

function ids(text: string): number[] {
  return [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
}

test('what is stored after a line comes first, then new lines, each once and in order', async () => {
  for (let i = 1; i <= 250; i++) control.evidence.log(lineOf('shop', `stored ${i}`));
  const stream = await open('?after=10');
  await stream.until('stored 250');
  control.evidence.log(lineOf('shop', 'live 251'));
  const seen = ids(await stream.until('live 251'));
  assert.deepEqual(
    seen,
    Array.from({ length: 241 }, (_, i) => i + 11),
  );
  stream.close();
});

test('without a place only new lines come, and only those that match', async () => {
  control.evidence.log(lineOf('shop', 'old'));
  const stream = await open('?app=shop');
  await stream.until(': heartbeat');
  control.evidence.log(lineOf('other', 'of another app'));
  control.evidence.log(lineOf('shop', 'wanted'));
  assert.deepEqual(ids(await stream.until('wanted')), [3]);
  stream.close();
});

test('Last-Event-ID resumes where a reader was cut off', async () => {
  for (let i = 1; i <= 3; i++) control.evidence.log(lineOf('shop', `line ${i}`));
  const stream = await open('', { 'last-event-id': '2' });
  assert.deepEqual(ids(await stream.until('line 3')), [3]);
  stream.close();
});

test('a place that is no number is refused before the stream starts', async () => {
  const response = await fetch(`${control.url}/v1/logs/stream?after=x`, {
    headers: { authorization: `Bearer ${control.token}` },
  });
  assert.equal(response.status, 400);
});

test('a stream that is left is followed no more, and streams are bounded', async () => {
  const streams: Stream[] = [];
  for (let i = 0; i < LIMITS.logStreamsMax.value; i++) streams.push(await open(''));
  const one = await fetch(`${control.url}/v1/logs/stream`, {
    headers: { authorization: `Bearer ${control.token}` },
  });
  assert.equal(one.status, 503);
  assert.equal(control.evidence.followers, LIMITS.logStreamsMax.value);
  for (const stream of streams) stream.close();
  for (let i = 0; i < 200 && control.evidence.followers > 0; i++) await pause(5);
  assert.equal(control.evidence.followers, 0);
});

test('a reader that does not read holds up nothing and loses nothing', async () => {
  const stream = await open('?after=0');
  const message = 'x'.repeat(4000);
  for (let i = 1; i <= 2000; i++) control.evidence.log(lineOf('shop', message));
  control.evidence.log(lineOf('shop', 'the last'));
  // Other clients are served meanwhile.
  assert.equal((await fetch(`${control.url}/v1/health`)).status, 200);
  const seen = ids(await stream.until('the last'));
  assert.equal(seen.length, 2001);
  stream.close();
});
